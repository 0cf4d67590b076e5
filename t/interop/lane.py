# SPDX-License-Identifier: Apache-2.0
"""One partition, from GRANT to RELEASED.

Records are handed to the sink in their order and come back in any; what is
acked is the end of the contiguous prefix of those that are done.
"""
import collections

import confluent_kafka as ck

from ledger import AT_END, IDLE, NONE, RELEASED, SINK, mono, wall
from sinks import say


class Record:
    __slots__ = 'lane', 'msg', 'time', 'seq', 'bytes', 'done'


class Lane:
    def __init__(self, w, n, kills, epoch, start, watermark, isolate_until):
        self.w, self.n, self.epoch = w, n, epoch
        self.row = w.ledger.row(n)
        self.topic = w.ledger.name(w.ledger.i[(self.row + 16) // 4])
        self.partition = w.ledger.i[(self.row + 20) // 4]
        self.name = f'{self.topic}/{self.partition}'
        self.position = self.acked = start
        self.poison = start if kills else None
        self.kills, self.isolate_until = kills, isolate_until
        self.pending = collections.deque()      # read, not handed over
        self.ring = collections.deque()         # handed over, not acked
        self.lows = collections.deque()         # (seq, time), rising: the
        self.seq, self.again = 0, []            # oldest in flight is first
        self.open = 0                           # handed over, not done
        self.watermark, self.newest = watermark, NONE
        self.active, self.stepped, self.idle = mono(), mono(), False
        self.high, self.at_end = NONE, False
        self.deadline = None                    # draining
        self.released = False

    def tp(self, offset=0):
        return [ck.TopicPartition(self.topic, self.partition, offset)]

    def is_ours(self):
        led = self.w.ledger
        return (led.q[self.row // 8] == self.epoch
                and led.i[(self.row + 8) // 4] == self.w.slot)

    def feed(self):
        """To the sink, in order, one at a time if one of them is suspected,
        and none while an earlier one is being tried again."""
        limit = self.w.conf['limits']['concurrency']
        while self.pending and not self.again and self.open < limit and \
                not self.w.is_full():
            if self.ring and self.position < self.isolate_until:
                return
            msg = self.pending.popleft()
            if msg.error():                     # the end of the partition
                self.position = max(self.position, msg.offset())
                self.at_end = True
                self.settle()
            elif msg.offset() >= self.position:
                self.submit(msg)

    def submit(self, msg):
        w, led, r = self.w, self.w.ledger, Record()
        kind, ms = msg.timestamp()
        r.lane, r.msg, r.done, r.seq = self, msg, False, self.seq
        r.time = ms if kind != ck.TIMESTAMP_NOT_AVAILABLE else wall()
        r.bytes = len(msg.value() or b'') + len(msg.key() or b'')
        while self.lows and self.lows[-1][1] >= r.time:
            self.lows.pop()
        self.lows.append((self.seq, r.time))
        self.seq += 1
        self.open += 1
        self.ring.append(r)
        self.position, self.at_end = msg.offset() + 1, False
        self.active, self.idle = mono(), False
        w.count(1, r.bytes)
        led.bump(self.row + 112, 1)
        led.bump(self.row + 120, r.bytes)
        led.bump(self.row + 144, r.time < self.watermark)
        led.bump(w.at + 128, 1)
        led.bump(w.at + 136, r.bytes)
        # In the row before the sink has it: or a death is nobody's fault.
        led.q[(self.row + 80) // 8] = self.position
        led.q[(self.row + 96) // 8] = len(self.ring)
        w.doing(SINK, self.n, msg.offset())
        # Whoever has killed its workers goes where nobody looks at it.
        dead = msg.offset() == self.poison and w.dead_letter
        (dead or w.sink).write(r)

    def done(self, r, dead=False):
        """What the sink says; true for nobody when the lane is released."""
        self.w.count(-1, -r.bytes)
        self.open -= 1
        if self.released:
            return
        r.done = True
        self.w.ledger.bump(self.row + (176 if dead else 128), 1)
        self.w.ledger.bump(self.w.at + (248 if dead else 152), 1)
        self.w.touched.add(self)

    def failed(self, r, sink, why):
        self.w.ledger.bump(self.w.at + 160, 1)
        if self.released:
            return self.w.count(-1, -r.bytes)
        if not self.again:
            say(f'{self.name}: offset {r.msg.offset()}: {why}; tried again')
        due = mono() + max(self.w.conf['retry']['intervalMs'], 10)
        self.again.append((due, r, sink))

    def retry(self):
        due = [a for a in self.again if a[0] <= mono()]
        self.again = [a for a in self.again if a[0] > mono()]
        for _, r, sink in sorted(due, key=lambda a: a[1].seq):
            sink.write(r)

    def settle(self):
        """The end of the contiguous prefix of what is done is `acked`."""
        n = 0
        while self.ring and self.ring[0].done:
            r = self.ring.popleft()
            self.acked, self.newest = r.msg.offset() + 1, max(self.newest, r.time)
            n += 1
        if not self.ring:
            self.acked = self.position
        head = self.seq - len(self.ring)
        while self.lows and self.lows[0][0] < head:
            self.lows.popleft()
        if self.newest != NONE:
            oldest = min([self.newest] + [t for _, t in self.lows][:1])
            self.raise_to(oldest - self.w.conf['watermark']['maxDelayMs'])
        self.w.ledger.bump(self.w.at + 144, n)
        self.publish()

    def raise_to(self, ms):
        if ms >= 0:
            self.watermark = max(self.watermark, ms)

    def step(self, now):
        """The watermark of a partition at whose end nothing comes."""
        conf, limit = self.w.conf['watermark']['idle'], \
            wall() - self.w.conf['watermark']['maxDelayMs']
        if not conf or not self.at_end or self.ring or self.pending:
            return
        if self.watermark == NONE:
            wait = conf['initSourceDelayMs']
            if wait and now - self.active >= max(wait, conf['thresholdMs']):
                self.raise_to(limit)
        elif (now - self.active >= conf['thresholdMs']
              and now - self.stepped >= conf['stepIntervalMs']):
            self.stepped, self.idle = now, True
            self.raise_to(min(self.watermark + conf['incrementByMs'], limit))

    def publish(self):
        """Counters first, then `acked`, then the watermark; nothing at all if the
        row has become somebody else's."""
        if not self.is_ours():
            return
        q, at = self.w.ledger.q, self.row // 8
        self.w.ledger.i[(self.row + 160) // 4] = \
            AT_END * self.at_end | IDLE * self.idle
        q[at + 10] = self.position
        q[at + 11] = max(q[at + 11], self.high, self.position)
        q[at + 12] = len(self.ring)
        q[at + 13] = wall() if self.ring and not q[at + 13] else \
            q[at + 13] if self.ring else 0
        q[at + 8] = self.acked
        q[at + 9] = self.watermark

    def drain(self, drain_ms, reason, why):
        """Read no more; what is in flight has drain_ms to come home."""
        until = mono() + drain_ms
        if self.deadline is not None:
            self.deadline = min(self.deadline, until)
            return
        self.deadline, self.reason = until, reason
        self.w.consumer.incremental_unassign(self.tp())
        self.pending.clear()

    def release(self):
        for _, r, _ in self.again:
            self.w.count(-1, -r.bytes)
        self.ring.clear()
        self.again, self.position, self.at_end = [], self.acked, False
        self.publish()
        self.released = True
        self.w.touched.discard(self)
        self.w.forget(self)
        self.w.send(RELEASED, 'IIQ', self.n, self.reason, self.epoch)
