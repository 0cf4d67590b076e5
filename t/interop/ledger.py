# SPDX-License-Identifier: Apache-2.0
"""What lies between a worker and its master: numbers, and the shared memory.

All of it is in shared/proto.h and shared/ledger.h, and explained in
shared/README.
"""
import mmap
import time

from sinks import leave

ABI, MAGIC, NONE = 2, 0x73796266, -1
GRANT, REVOKE, DRAIN, MANIFEST, REOPEN, GROUP, READY, RELEASED = \
    1, 2, 3, 4, 5, 6, 16, 17
BODY = {GRANT: 'IIQqqq', REVOKE: 'IIQ', DRAIN: 'II', MANIFEST: '', REOPEN: ''}
REVOKED, RANGE, FAILED = 0, 1, 2                        # why RELEASED
STARTING, RUNNING, DRAINING = 1, 2, 3                   # slot.state
WAITING, READING, SINK, ACKING = 1, 2, 3, 4             # slot.activity
OK, CONFIG, BAD_ABI, PROTO, SETUP = 0, 2, 3, 5, 7       # exit codes
PAUSED, AT_END, IDLE = 1, 2, 4                          # row.flags


def mono():
    return time.monotonic_ns() // 1_000_000


def wall():
    return time.time_ns() // 1_000_000


class Ledger:
    """Fields by their byte offsets.  An aligned item of a cast memoryview is
    read and written by one instruction, which is what the master counts on."""

    def __init__(self, fd, slot):
        view = memoryview(mmap.mmap(fd, 0))
        view = view[:len(view) // 8 * 8]
        self.q, self.i, self.bytes = view.cast('q'), view.cast('I'), view
        if self.i[0] != MAGIC or self.i[1] & 0xffff != ABI:
            leave(BAD_ABI, 'the ledger is of another ABI')
        nslots, self.nrows, slots, self.rows, self.names = self.i[4:9]
        if slot >= nslots:
            leave(SETUP, 'the ledger has no such slot')
        self.slot = slots + 640 * slot

    def row(self, n):
        return self.rows + 192 * n

    def name(self, off):
        tail = bytes(self.bytes[self.names + off:self.names + off + 256])
        return tail.split(b'\0')[0].decode()

    def bump(self, at, n):              # a counter with one writer
        self.q[at // 8] += n
