#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker of forebay's in Python: what shared/README says, and no more.  It reads with
confluent-kafka, writes to one sink (log, kafka, blackhole) until it takes the record,
and keeps its promises by the ledger alone: it may be killed at any line."""
import collections, contextlib, ctypes, fcntl, json, mmap, os, re, select, signal
import socket, struct, sys, time, types
import confluent_kafka as ck
from confluent_kafka import KafkaError as E

# proto.h: messages, and the method that obeys; reasons of RELEASED; exit codes
MESSAGES = {1: ('grant', '=IIQqqqQiI256s'), 2: ('revoke', '=IIQ'), 3: ('stop', '=II'),
            4: ('configure', '='), 5: ('reopen', '=')}
ABI, READY, RELEASED, FAILURE, REVOKED, RANGE, FAILED = 4, 16, 17, 18, 0, 1, 2
WHY = {E._AUTO_OFFSET_RESET: RANGE, E.OFFSET_OUT_OF_RANGE: RANGE}      # else FAILED
OK, CONFIG, BAD_ABI, PROTO, KAFKA, SETUP = 0, 2, 3, 5, 6, 7
# ledger.h: sizes; fields of a row or slot by index, of 8 bytes (q) or 4 (i)
MAGIC, HEAD_SIZE, SLOT_SIZE, ROW_SIZE, NONE = 0x73796266, 64, 2816, 256, -1
ACKED, WATERMARK, POSITION, HIGH, IN_FLIGHT, OLDEST_AT, READ, READ_BYTES = range(8, 16)
EPOCH, DELIVERED, LATE, DEAD_LETTERED, FUTURE = 0, 16, 18, 22, 27       # row.q
HOLDER, FLAGS, AT_END, IDLE = 2, 40, 2, 4                               # row.i
HEARTBEAT, AT_OFFSET, RECORDS, BYTES, DEAD_LETTERS = 8, 11, 12, 13, 31  # slot.q
ALL_READ, ALL_BYTES, ALL_ACKED, WRITES, ERRORS, _, RSS, CPU = range(16, 24)
STATE, ACTIVITY, AT_ROW, LANES = range(18, 22)                          # slot.i
STARTING, RUNNING, DRAINING, READING, SINK = 1, 2, 3, 2, 3      # STATE, ACTIVITY

def say(text, exit_code=None):
    print(f'worker {os.environ.get("FOREBAY_SLOT")}: {text}', file=sys.stderr)
    if exit_code is not None:
        os._exit(exit_code)             # not by librdkafka's way, which may hang

def client(kind, settings):     # without what this librdkafka is too old to know
    try:
        return kind(settings)
    except ck.KafkaException as e:
        found = re.search('No such configuration property: "(.*?)"', str(e))
        if not found or re.match('ssl|sasl|security|enable', found[1]):
            say(e, KAFKA)
        say(f'librdkafka {ck.libversion()[0]} has no {found[1]}; left out')
        return client(kind, {k: v for k, v in settings.items() if k != found[1]})

class Sink:
    """It answers each record with its lane's done(), at once or later.  The log is all
    workers': whole lines, locked, of PIPE_BUF, and only when somebody takes them."""
    def __init__(self, conf):
        self.conf, self.kind, self.fd = conf, conf['type'], os.dup(1)
        self.lines, self.records, self.is_whole = bytearray(), collections.deque(), True
        self.producer = self.kind == 'kafka' and client(ck.Producer, conf['settings'])

    def write(self, r, m, headers):
        if self.kind == 'log':
            text = b'Payload - %b Keys - %b EventTime - %d Headers - ' % (
                m.value() or b'', m.key() or b'', r.stamp)
            text += b''.join(b'%b: %b, ' % (k.encode(), v or b'') for k, v in headers)
            text += f' ID - {m.topic()}:{m.partition()}:{r.offset}'.encode()
            self.lines += text.decode('latin-1').encode('unicode_escape') + b'\n'
            self.records.append(r)
        elif self.kind == 'kafka':
            key, at = m.key() if self.conf['setKey'] else None, m.timestamp()[1]
            headers = headers + [('forebay-timestamp', '0')] * (at == 0)    # 0 is now
            try:
                self.producer.produce(
                    self.conf['topic'], m.value(), key, headers=headers,
                    timestamp=at or 1, on_delivery=lambda e, _: r.lane.done(r, e))
            except (BufferError, ck.KafkaException) as e:
                r.lane.done(r, e)
        else:
            r.lane.done(r)

    def flush(self):
        if self.kind == 'kafka':
            self.producer.poll(0)
        while self.lines and select.select([], [self.fd], [], 0)[1]:
            end = self.lines.rfind(b'\n', 0, select.PIPE_BUF) + 1 or select.PIPE_BUF
            try:
                fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                n = os.write(self.fd, self.lines[:end])
            except OSError:             # a full disk, or another's lock: a bit later
                break
            for _ in range(self.lines.count(b'\n', 0, n)):
                (r := self.records.popleft()).lane.done(r)
            self.is_whole = self.lines[n - 1] == 10
            del self.lines[:n]
        self.is_whole and fcntl.lockf(self.fd, fcntl.LOCK_UN)

class Lane:
    """A partition, from GRANT to RELEASED.  How far it is stands in its row: `acked` is
    the end of the contiguous prefix of what is done; the sink answers in any order."""
    def __init__(self, w, row, kills, epoch, start, watermark, isolate_until, *what):
        self.w, self.row, self.epoch, self.kills = w, row, epoch, kills
        self.condemned, self.isolate_until = start if kills else NONE, isolate_until
        at = w.rows + ROW_SIZE * row    # its items are stored in one piece each
        self.q, self.i = map(memoryview(w.ledger)[at:at + ROW_SIZE].cast, 'qI')
        self.key = (what[3].split(b'\0')[0].decode(), what[1])  # topic, partition
        delay = w.conf['watermark']['maxDelayMs']
        self.tp = ck.TopicPartition(*self.key, start)
        self.ring, self.size, self.active = collections.deque(), 0, w.now
        self.deadline, self.newest = None, watermark + delay

    def is_ours(self):                  # to be asked before each store
        return self.q[EPOCH] == self.epoch and self.i[HOLDER] == self.w.slot

    def reach(self, position, flags=0):
        self.q[HIGH] = max(self.q[HIGH], position)      # or it would not be believed
        self.q[POSITION], self.q[IN_FLIGHT] = position, len(self.ring)
        self.i[FLAGS] = flags

    def take(self, msg):
        """What a death is judged by is in the ledger before the sink has the record."""
        q, slot, ms = self.q, self.w.q, msg.timestamp()[1]
        r = types.SimpleNamespace(
            lane=self, msg=msg, offset=msg.offset(), is_done=False,
            size=len(msg.value() or b'') + len(msg.key() or b''),
            stamp=(t := ms if ms >= 0 else self.w.wall))
        self.ring.append(r)
        self.size, self.active = self.size + r.size, self.w.now
        q[READ], q[READ_BYTES] = q[READ] + 1, q[READ_BYTES] + r.size
        slot[ALL_READ], slot[ALL_BYTES] = slot[ALL_READ] + 1, slot[ALL_BYTES] + r.size
        limit = self.w.wall + self.w.conf['watermark']['maxFutureMs']
        q[LATE], q[FUTURE] = q[LATE] + (t < q[WATERMARK]), q[FUTURE] + (t > limit)
        r.time, q[OLDEST_AT] = min(t, limit), q[OLDEST_AT] or self.w.wall
        self.reach(r.offset + 1)
        self.hand_over(r)

    def hand_over(self, r):
        w, headers = self.w, r.msg.headers() or []
        w.i[ACTIVITY], w.i[AT_ROW], w.q[AT_OFFSET] = SINK, self.row, r.offset
        if r.offset != self.condemned:
            return w.sink.write(r, r.msg, headers)
        w.dead_letter.write(r, r.msg, headers + [(f'forebay.{k}', str(v)) for k, v in (
            ('source.topic', self.key[0]), ('source.partition', self.key[1]),
            ('source.offset', r.offset), ('attempts', self.kills),
            ('reason', 'it has killed its worker each time'))])

    def done(self, r, error=None):      # nobody counts it, if the lane was released
        w, is_dead = self.w, r.offset == self.condemned
        if error and self.is_ours():
            if not w.again:
                say(f'{self.key}, offset {r.offset}: {error}; tried again')
                w.send(FAILURE, 'IIQiI488s', self.row, 1 + 3 * is_dead, self.epoch,
                       0, 0, str(error).encode()[:487])
            w.q[ERRORS] += 1
            r.due = w.now + max(w.conf['retry']['intervalMs'], 10)
            w.again.append(r)
        elif self.is_ours():
            r.is_done, self.size = True, self.size - r.size
            self.q[DEAD_LETTERED if is_dead else DELIVERED] += 1
            w.q[DEAD_LETTERS if is_dead else WRITES] += 1

    def settle(self):
        q, w, acked = self.q, self.w, self.q[ACKED]
        while self.ring and self.ring[0].is_done:
            r = self.ring.popleft()
            acked, self.newest = r.offset + 1, max(self.newest, r.time)
            w.q[ALL_ACKED] += 1
        known = w.consumer.get_watermark_offsets(self.tp, cached=True) or [NONE]
        q[HIGH] = max(q[HIGH], *known)  # low and high
        q[IN_FLIGHT], q[OLDEST_AT] = len(self.ring), q[OLDEST_AT] if self.ring else 0
        q[ACKED] = acked if self.ring else q[POSITION]
        self.raise_watermark()
        if self.deadline is not None and (not self.ring or w.now >= self.deadline):
            self.ring.clear()
            self.reach(q[ACKED])
            del w.lanes[self.key]
            w.send(RELEASED, 'IIQq', self.row, self.reason, self.epoch, 0)
            self.epoch = NONE           # nothing here is ours any more

    def raise_watermark(self):
        """Not beyond what is in flight; when it is idle at the end, by the clock."""
        conf, quiet = self.w.conf['watermark'], self.w.now - self.active
        idle, to = conf['idle'], min([self.newest] + [r.time for r in self.ring])
        if idle and quiet >= idle['thresholdMs'] and self.i[FLAGS] and not self.ring:
            steps = 1 + (quiet - idle['thresholdMs']) // max(idle['stepIntervalMs'], 1)
            if self.q[WATERMARK] != NONE:
                to = min(to + steps * idle['incrementByMs'], self.w.wall)
            elif 0 < idle['initSourceDelayMs'] <= quiet:
                self.newest, self.active = self.w.wall, self.w.now
            self.i[FLAGS] = AT_END | IDLE
        self.q[WATERMARK] = max(self.q[WATERMARK], to - conf['maxDelayMs'])

    def drain(self, drain_ms, reason=REVOKED):  # what is in flight has so long to end
        if self.deadline is None:
            self.deadline, self.reason = self.w.now + drain_ms, reason
            self.w.consumer.incremental_unassign([self.tp])
        self.deadline = min(self.deadline, self.w.now + drain_ms)
        if self.is_ours():
            self.settle()

class Worker:
    def __init__(self):
        slot = os.environ.get('FOREBAY_SLOT') or say('is started by forebay', SETUP)
        self.slot, self.lanes, self.again = int(slot), {}, collections.deque()
        self.channel, self.ledger = socket.socket(fileno=3), mmap.mmap(4, 0)
        self.configure(6)
        magic, abi, head, size, _, self.nrows, slots, self.rows = \
            struct.unpack_from('=IHHQ4I', self.ledger)
        if (magic, head, size) != (MAGIC, HEAD_SIZE, len(self.ledger)) or \
                not abi == self.conf['abi'] == ABI:
            say('this is not the ABI of the master', BAD_ABI)
        at = slots + SLOT_SIZE * self.slot
        self.q, self.i = map(memoryview(self.ledger)[at:at + SLOT_SIZE].cast, 'qI')
        self.i[STATE], self.cpu_before = STARTING, self.q[CPU]
        sinks, retry = self.conf['sinks'], self.conf['retry']
        if sinks['fallback'] or sinks['onSuccess'] or retry['onFailure'] != 'retry' or \
                any(s and s['type'] == 'other' for s in sinks.values()):
            say('it writes to one sink, log, kafka or blackhole, and retries', CONFIG)
        self.consumer = client(ck.Consumer, self.conf['consumer'])
        dead = sinks['deadLetter'] or sinks['sink']
        self.sink, self.dead_letter = Sink(sinks['sink']), Sink(dead)

    def configure(self, fd): self.conf = json.loads(os.pread(fd, 1 << 24, 0))
    def reopen(self, fd): os.dup2(fd, 2)

    def grant(self, row, kills, epoch, start, *rest):
        ln = epoch and row < self.nrows and Lane(self, row, kills, epoch, start, *rest)
        why = REVOKED if self.i[STATE] == DRAINING else FAILED
        if why == REVOKED or not ln or not ln.is_ours() or ln.key in self.lanes:
            return self.send(RELEASED, 'IIQq', row, why, epoch, 0)
        self.lanes[ln.key] = ln
        self.consumer.incremental_assign([ln.tp])

    def revoke(self, row, drain_ms, epoch):
        for ln in [n for n in self.lanes.values() if (n.row, n.epoch) == (row, epoch)]:
            ln.drain(drain_ms)

    def stop(self, drain_ms, _=0):
        self.i[STATE] = DRAINING
        for ln in list(self.lanes.values()):
            ln.drain(drain_ms)

    def send(self, kind, form, *body):
        size = struct.calcsize('=HHI' + form)
        with contextlib.suppress(ConnectionError):      # the master is gone: listen()
            self.channel.send(struct.pack('=HHI' + form, kind, ABI, size, *body))

    def listen(self):
        while select.select([self.channel], [], [], 0)[0]:
            data = b''
            with contextlib.suppress(ConnectionError):
                data, fds, _, _ = socket.recv_fds(self.channel, 4096, 1)
            if not data:                # the master is gone
                return self.stop(self.conf['drainTimeoutMs'])
            kind, abi, size = struct.unpack_from('=HHI', data)
            name, form = MESSAGES.get(kind, ('', '999s'))
            if abi != ABI or not size == len(data) == 8 + struct.calcsize(form):
                say(f'message of type {kind}, {len(data)} bytes', PROTO)
            getattr(self, name)(*struct.unpack_from(form, data, 8), *fds)
            list(map(os.close, fds))

    def read(self):
        self.i[ACTIVITY], self.i[AT_ROW] = READING, 2**32 - 1
        lanes, conf = self.lanes.values(), self.conf
        limits, memory = conf['limits'], conf['memory']
        self.q[RECORDS] = records = sum(len(ln.ring) for ln in lanes)
        self.q[BYTES] = size = sum(ln.size for ln in lanes)
        n = min(limits['readBatchSize'], memory['maxRecords'] - records,
                limits['concurrency'] - max((len(ln.ring) for ln in lanes), default=0))
        if any(ln.q[POSITION] < ln.isolate_until for ln in lanes):
            n = 0 if records else 1     # it is alone with the sink
        if n <= 0 or not lanes or self.again or size >= memory['budgetBytes'] // 2:
            return select.select([self.channel], [], [], 0.01)
        for msg in self.consumer.consume(n, 0.02):
            ln, e = self.lanes.get((msg.topic(), msg.partition())), msg.error()
            at_end = e and e.code() == E._PARTITION_EOF
            if e and not at_end:
                say(f'{msg.topic()}/{msg.partition()}: {e.str()}')
            if not ln or ln.deadline is not None or not ln.is_ours():
                continue
            if at_end:
                ln.reach(max(msg.offset(), ln.q[POSITION]), AT_END)
            elif e:                     # behind it librdkafka might skip some
                ln.drain(self.conf['drainTimeoutMs'], WHY.get(e.code(), FAILED))
            elif msg.offset() >= ln.q[POSITION]:
                ln.take(msg)

    def run(self):
        self.i[STATE] = RUNNING
        self.send(READY, 'iI', os.getpid(), self.slot)
        while self.lanes or self.i[STATE] != DRAINING:
            self.now, self.wall = time.monotonic_ns() // 10**6, time.time_ns() // 10**6
            self.q[HEARTBEAT], self.i[LANES] = self.now, len(self.lanes)
            self.q[CPU] = self.cpu_before + time.process_time_ns() // 1000
            with open('/proc/self/statm', encoding='ascii') as f:
                self.q[RSS] = int(f.read().split()[1]) * mmap.PAGESIZE
            self.listen()
            self.read()
            while self.again and self.now >= self.again[0].due:
                if (r := self.again.popleft()).lane.is_ours():
                    r.lane.hand_over(r)
            self.sink.flush()
            self.dead_letter.flush()
            for ln in filter(Lane.is_ours, list(self.lanes.values())):
                ln.settle()
        os._exit(OK)

for name in 'HUP', 'INT', 'QUIT', 'TERM', 'PIPE', 'USR1', 'USR2':
    signal.signal(getattr(signal, 'SIG' + name), signal.SIG_IGN)
# confluent-kafka 1.7 forgets its references to the None of a header without a value.
ctypes.c_ssize_t.from_address(id(None)).value += 1 << 30
Worker().run()
