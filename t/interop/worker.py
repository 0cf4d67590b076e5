#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker of forebay's in Python: what shared/README says, and no more.

ledger.py has the numbers, lane.py a partition's life, sinks.py the sinks; this
is the process: its slot, its channel, its loop.

It reads with confluent-kafka, writes to the log, kafka and blackhole sinks,
and keeps its promises by the ledger alone: it may be killed at any line.
One thread: what hangs shows as a heartbeat that stands still.

It refuses what it does not do: sinks of another type, fallback, onSuccess,
and a retryStrategy that ends.
"""
import json
import os
import resource
import signal
import socket
import struct
import sys
import time

import confluent_kafka as ck

sys.dont_write_bytecode = True          # the folder is not ours to write to
from lane import Lane
from ledger import (ABI, ACKING, BAD_ABI, BODY, CONFIG, DRAIN, DRAINING,
                    FAILED, GRANT, GROUP, MANIFEST, NONE, OK, PROTO, RANGE,
                    READING, READY, RELEASED, REOPEN, REVOKE, REVOKED, RUNNING,
                    SETUP, STARTING, WAITING, Ledger, mono)
from sinks import client, leave, say, sink_of

PAGE = os.sysconf('SC_PAGE_SIZE')
E = ck.KafkaError


class Worker:
    def __init__(self):
        self.slot = int(os.environ.get('FOREBAY_SLOT', '-1'))
        if self.slot < 0:
            leave(SETUP, 'this program is started by forebay')
        self.channel = socket.socket(fileno=3)
        self.channel.setblocking(False)
        self.ledger = Ledger(4, self.slot)
        self.at = self.ledger.slot
        self.lanes, self.touched = {}, set()    # by (topic, partition)
        self.records = self.bytes = 0
        self.draining, self.beat_at = False, 0
        self.cpu_before = self.ledger.q[(self.at + 184) // 8]
        self.set_state(STARTING)
        self.apply(6)
        self.check()
        self.consumer = client(ck.Consumer, self.conf['consumer'])
        self.sink = sink_of(self.conf['sinks']['sink'], self.slot)
        dead = self.conf['sinks']['deadLetter']
        self.dead_letter = dead and sink_of(dead, self.slot, True)

    def apply(self, fd):
        with os.fdopen(fd, 'rb') as f:
            self.conf = json.loads(os.pread(f.fileno(), 1 << 24, 0))
        if self.conf['abi'] != ABI:
            leave(BAD_ABI, 'the settings are of another ABI')

    def check(self):
        sinks = self.conf['sinks']
        if sinks['fallback'] or sinks['onSuccess'] or \
                self.conf['first'] != 'sink' or \
                self.conf['retry']['onFailure'] != 'retry':
            leave(CONFIG, 'this runtime writes to one sink, and retries')

    # ---- the slot -------------------------------------------------------

    def set_state(self, state):
        self.ledger.i[(self.at + 72) // 4] = state

    def doing(self, activity, row=0xffffffff, offset=NONE):
        self.ledger.i[(self.at + 76) // 4] = activity
        self.ledger.i[(self.at + 80) // 4] = row
        self.ledger.q[(self.at + 88) // 8] = offset

    def count(self, records, size):
        self.records += records
        self.bytes += size
        q = self.ledger.q
        q[(self.at + 96) // 8], q[(self.at + 104) // 8] = \
            self.records, self.bytes

    def is_full(self):
        memory = self.conf['memory']
        return (self.records >= memory['maxRecords']
                or self.bytes >= memory['budgetBytes'] // 2)

    def beat(self, now):
        if now - self.beat_at < 250:
            return
        self.beat_at = now
        q, ru = self.ledger.q, resource.getrusage(resource.RUSAGE_SELF)
        q[(self.at + 64) // 8] = now
        q[(self.at + 176) // 8] = PAGE * \
            int(open('/proc/self/statm', encoding='ascii').read().split()[1])
        q[(self.at + 184) // 8] = self.cpu_before + \
            int((ru.ru_utime + ru.ru_stime) * 1e6)
        for ln in self.lanes.values():
            if ln.deadline is None:
                low, ln.high = self.consumer.get_watermark_offsets(
                    ln.tp()[0], cached=True) or (NONE, NONE)
                ln.step(now)
            ln.publish()

    # ---- the channel ----------------------------------------------------

    def send(self, kind, form, *body):
        size = 8 + struct.calcsize('=' + form)
        self.channel.setblocking(True)
        self.channel.send(struct.pack('=HHI' + form, kind, ABI, size, *body))
        self.channel.setblocking(False)

    def listen(self):
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.channel, 4096, 1)
            except BlockingIOError:
                return
            if not data:                        # the master is gone
                return self.drain(self.conf['drainTimeoutMs'])
            kind, abi, size = struct.unpack_from('=HHI', data)
            if kind == GROUP and size == len(data):
                continue                        # for transactions
            form = '=' + BODY.get(kind, '999s')
            if abi != ABI or size != len(data) or \
                    size != 8 + struct.calcsize(form):
                leave(PROTO, f'message of type {kind}, {len(data)} bytes')
            self.obey(kind, struct.unpack_from(form, data, 8), fds)

    def obey(self, kind, body, fds):
        if kind == GRANT:
            self.grant(*body)
        elif kind == REVOKE:
            for ln in list(self.lanes.values()):
                if (ln.n, ln.epoch) == (body[0], body[2]):
                    ln.drain(body[1], REVOKED, 'revoked')
        elif kind == DRAIN:
            self.drain(body[0])
        elif kind == MANIFEST and fds:
            self.apply(fds[0])
        elif kind == REOPEN and fds:
            os.dup2(fds[0], 2)
            os.close(fds[0])

    def grant(self, row, kills, epoch, start, watermark, isolate_until):
        if self.draining:
            return self.send(RELEASED, 'IIQ', row, REVOKED, epoch)
        ln = row < self.ledger.nrows and start >= 0 and Lane(
            self, row, kills, epoch, start, watermark, isolate_until)
        if not ln or not ln.is_ours() or (ln.topic, ln.partition) in self.lanes:
            say(f'grant of row {row}, epoch {epoch}, refused')
            return self.send(RELEASED, 'IIQ', row, FAILED, epoch)
        self.lanes[ln.topic, ln.partition] = ln
        self.ledger.i[(self.at + 84) // 4] = len(self.lanes)
        ln.publish()
        self.consumer.incremental_assign(ln.tp(start))

    def forget(self, ln):
        del self.lanes[ln.topic, ln.partition]
        self.ledger.i[(self.at + 84) // 4] = len(self.lanes)

    def drain(self, drain_ms):
        if not self.draining:
            self.draining = True
            self.set_state(DRAINING)
        for ln in self.lanes.values():
            ln.drain(drain_ms, REVOKED, 'told to drain')

    # ---- the loop -------------------------------------------------------

    def read(self):
        held = sum(len(ln.pending) for ln in self.lanes.values())
        room = self.conf['memory']['maxRecords'] - self.records - held
        n = min(self.conf['limits']['readBatchSize'], room)
        if n <= 0 or self.is_full() or not self.lanes:
            return time.sleep(0.01)
        self.doing(READING)
        for msg in self.consumer.consume(n, 0.02):
            ln = self.lanes.get((msg.topic(), msg.partition()))
            code = msg.error() and msg.error().code()
            if not ln or ln.deadline is not None:
                if code and not ln:
                    say(msg.error().str())
            elif code in (None, E._PARTITION_EOF):
                ln.pending.append(msg)
            elif code in (E._AUTO_OFFSET_RESET, E.OFFSET_OUT_OF_RANGE):
                ln.drain(0, RANGE, 'out of range')
            elif code in (E._UNKNOWN_PARTITION, E._UNKNOWN_TOPIC, E._BAD_MSG,
                          E.UNKNOWN_TOPIC_OR_PART, E._BAD_COMPRESSION):
                ln.drain(0, FAILED, msg.error().str())
            else:
                say(f'{ln.name}: {msg.error().str()}')

    def turn(self):
        self.listen()
        self.read()
        for ln in list(self.lanes.values()):
            ln.retry()
            ln.feed()
            # Now, so that the slot's activity is about this lane.
            for sink in filter(None, (self.sink, self.dead_letter)):
                sink.flush()
        self.doing(ACKING)
        while self.touched:
            self.touched.pop().settle()
        self.doing(WAITING)
        for ln in list(self.lanes.values()):
            if ln.deadline is not None and (
                    not ln.ring or mono() >= ln.deadline):
                ln.release()
        self.beat(mono())

    def run(self):
        self.beat(mono())
        self.set_state(RUNNING)
        self.send(READY, 'iI', os.getpid(), self.slot)
        while not (self.draining and not self.lanes):
            self.turn()
        leave(OK)


if __name__ == '__main__':
    # The master says when we stop, not a terminal.
    for name in 'HUP', 'INT', 'QUIT', 'TERM', 'PIPE', 'USR1', 'USR2':
        signal.signal(getattr(signal, 'SIG' + name), signal.SIG_IGN)
    Worker().run()
