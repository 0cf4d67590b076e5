# SPDX-License-Identifier: Apache-2.0
"""What worker.py writes to, and how it makes its Kafka clients.

A sink has write(record), which is answered by record.lane.done(record), or
.failed(record, sink, why), now or later, and flush(), called at each turn.
"""
import collections
import ctypes
import os
import re
import select
import socket
import stat
import sys

import confluent_kafka as ck

CONFIG, KAFKA = 2, 6                    # exit codes


def say(text):
    print(f'worker {os.environ.get("FOREBAY_SLOT")}: {text}', file=sys.stderr,
          flush=True)


def leave(code, text=None):
    if text:
        say(text)
    os._exit(code)                      # librdkafka's threads may hang


def client(kind, settings):
    """Without what this librdkafka is too old to know, unless that would make
    the connection less safe."""
    while True:
        try:
            return kind(settings)
        except ck.KafkaException as e:
            m = re.search('No such configuration property: "(.*?)"', str(e))
            if not m or re.match(r'ssl|sasl|security|enable', m[1]):
                return leave(KAFKA, str(e))
            say(f'librdkafka {ck.libversion()[0]} has no {m[1]}; left out')
            settings = {k: v for k, v in settings.items() if k != m[1]}


def headers_of(msg):
    """confluent-kafka 1.7 does not count its references to the None of a null
    value, and Python dies of that; one too many does no harm."""
    headers = msg.headers() or []
    for _ in (v for _, v in headers if v is None):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
    return headers


class Blackhole:
    def write(self, r):
        r.lane.done(r)

    def flush(self):
        pass


ESCAPE = {i: f'\\x{i:02x}' for i in [*range(32), 127]}
ESCAPE.update({i: ''.join(f'\\x{b:02x}' for b in chr(i).encode())
               for i in range(0x80, 0xa0)})
ESCAPE.update({0xdc00 + i: f'\\x{i:02x}' for i in range(0x80, 0x100)})
ESCAPE.update({10: '\\n', 13: '\\r', 9: '\\t', 92: '\\\\'})


class Log:
    """Standard output is shared with all workers: whole lines at once, of at
    most PIPE_BUF, and only when somebody takes them."""

    def __init__(self):
        self.lines, self.poll = collections.deque(), select.poll()
        self.fd, self.rest, self.is_stuck = os.dup(1), b'', False
        self.poll.register(self.fd, select.POLLOUT)
        is_file = stat.S_ISREG(os.fstat(self.fd).st_mode)
        self.most = 65536 if is_file else select.PIPE_BUF

    @staticmethod
    def text(data):
        data = data.encode() if isinstance(data, str) else data or b''
        return data.decode('utf-8', 'surrogateescape').translate(ESCAPE)

    def write(self, r):
        m, t = r.msg, self.text
        headers = ''.join(f'{t(k)}: {t(v)}, ' for k, v in headers_of(m))
        self.lines.append((r, (
            f'Payload - {t(m.value())} Keys - {t(m.key())} '
            f'EventTime - {r.time} Headers - {headers} '
            f'ID - {m.topic()}:{m.partition()}:{m.offset()}\n').encode()))

    def flush(self):
        out = []
        while self.lines and self.poll.poll(0):
            if not self.rest:
                while self.lines and (not self.rest or len(self.rest)
                                      + len(self.lines[0][1]) <= self.most):
                    r, line = self.lines.popleft()
                    out.append(r)
                    self.rest += line
            try:
                self.rest = self.rest[os.write(self.fd, self.rest[:self.most]):]
            except OSError as e:            # a full disk is no record's fault
                if not self.is_stuck:
                    say(f'standard output: {e}; tried again')
                self.is_stuck = True
                return self.lines.extendleft((r, b'') for r in reversed(out))
            self.is_stuck = False
            if self.rest:
                self.lines.extendleft((r, b'') for r in reversed(out))
            else:
                for r in out:
                    r.lane.done(r)
            out = []


class Kafka:
    def __init__(self, conf, slot, dead=False):
        self.producer = client(ck.Producer, conf['settings'])
        self.conf, self.slot, self.dead = conf, slot, dead

    def write(self, r):
        m, more = r.msg, {}
        headers = list(headers_of(m))
        if self.dead:
            where = {'topic': m.topic(), 'partition': m.partition(),
                     'offset': m.offset(), 'timestamp': m.timestamp()[1]}
            headers += [(f'forebay.source.{k}', str(v)) for k, v in
                        where.items()]
            headers += [('forebay.attempts', str(r.lane.kills)),
                        ('forebay.reason', 'it has killed its worker each '
                         'time'), ('forebay.sink', 'sink'),
                        ('forebay.worker', f'{socket.gethostname()}/'
                         f'{self.slot}')]
        if headers:
            more['headers'] = headers
        if self.conf['setKey']:
            more['key'] = m.key()
        if m.timestamp()[0] != ck.TIMESTAMP_NOT_AVAILABLE:
            more['timestamp'] = m.timestamp()[1]
        try:
            self.producer.produce(
                self.conf['topic'], value=m.value(),
                on_delivery=lambda err, _: self.reported(r, err), **more)
        except (BufferError, ck.KafkaException) as e:
            r.lane.failed(r, self, e)

    def reported(self, r, err):
        if err:
            r.lane.failed(r, self, err)
        else:
            r.lane.done(r, self.dead)

    def flush(self):
        self.producer.poll(0)


def sink_of(conf, slot, dead=False):
    kind = conf['type']
    if kind == 'kafka':
        return Kafka(conf, slot, dead)
    if kind not in ('log', 'blackhole'):
        leave(CONFIG, f'this runtime does not write to a sink of type {kind}')
    return Log() if kind == 'log' else Blackhole()
