#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands for numaflow-rs: a data plane that knows only what a pod's main
container gets.

It writes to the log sink, or nowhere.  It reads its object from the environment and its secrets where Numaflow mounts
them, is a group member of its own that commits each batch, serves /metrics
over TLS with a certificate made at the start, and exits with 0 on SIGTERM.
As with numaflow-rs a port that is taken is only said.

For the tests: STAND_IN_PORT (2469), STAND_IN_TELL (a file: what it was given,
as JSON), STAND_IN_EXIT (a file: it exits with the number in there, once).
"""
import base64
import collections
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading

import confluent_kafka as ck

SECRETS, RUNTIME, RUN = ('/var/numaflow/secrets', '/var/numaflow/runtime',
                         '/var/run/numaflow')
env = os.environ
count = collections.Counter()
read = collections.Counter()            # by partition


def say(text):
    print(f'numaflow.py: {text}', file=sys.stderr, flush=True)


def secrets():
    found = {}
    for where, _, files in os.walk(SECRETS):
        for name in files:
            path = os.path.join(where, name)
            with open(path, 'rb') as f:
                found[os.path.relpath(path, SECRETS)] = f.read().decode()
    return found


def listing(path):
    return sorted(os.listdir(path)) if os.path.isdir(path) else None


def tell(o):
    """What is there, then a mark for whoever else sees it."""
    told = {'object': o, 'secrets': secrets(), 'run': listing(RUN),
            'runtime': listing(RUNTIME), 'mnt': os.readlink('/proc/self/ns/mnt'),
            'env': {k: v for k, v in env.items()
                    if k.startswith('NUMAFLOW_') and not k.endswith('OBJECT')}}
    if told['run'] is not None:
        for path in RUN, RUNTIME:
            with open(f'{path}/mark-{env["NUMAFLOW_REPLICA"]}', 'w'):
                pass
    path = f'{env["STAND_IN_TELL"]}.{env["NUMAFLOW_REPLICA"]}'
    with open(path + '.new', 'w') as f:
        json.dump(told, f)
    os.rename(path + '.new', path)


def metrics():
    labels = (f'mvtx_name="{env["NUMAFLOW_MONO_VERTEX_NAME"]}",'
              f'mvtx_replica="{env["NUMAFLOW_REPLICA"]}"')
    lines = ['# HELP monovtx_read A Counter.', '# TYPE monovtx_read counter']
    lines += [f'monovtx_read_total{{{labels},source_partition="{p}"}} {n}'
              for p, n in sorted(read.items())]
    for name in 'ack', 'sink_write', 'sink_write_errors', 'sink_dropped':
        lines += [f'# HELP monovtx_{name} A Counter.',
                  f'# TYPE monovtx_{name} counter',
                  f'monovtx_{name}_total{{{labels}}} {count[name]}']
    lines += ['# TYPE monovtx_pending_raw gauge',
              f'monovtx_pending_raw{{{labels}}} -1', '# EOF', '']
    return '\n'.join(lines).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = metrics() if self.path == '/metrics' else b''
        self.send_response(200 if body else
                           204 if self.path in ('/livez', '/readyz') else 404)
        self.send_header('Content-Type', 'application/openmetrics-text; '
                         'version=1.0.0; charset=utf-8')
        if body:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    port = int(env.get('STAND_IN_PORT', '2469'))
    try:
        server = http.server.ThreadingHTTPServer(('0.0.0.0', port), Handler)
    except OSError as e:
        return say(f'port {port}: {e}')
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-days', '1', '-subj', '/CN=localhost', '-keyout', f'{d}/key',
             '-out', f'{d}/cert'], check=True, stderr=subprocess.DEVNULL)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(f'{d}/cert', f'{d}/key')
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return None


def secret(selector):
    with open(f'{SECRETS}/{selector["name"]}/{selector["key"]}') as f:
        return f.read().strip()


def consumer(kafka):
    conf = {'bootstrap.servers': ','.join(kafka['brokers']),
            'group.id': kafka['consumerGroup'], 'enable.auto.commit': False,
            'session.timeout.ms': 6000}
    for line in (kafka.get('config') or '').splitlines():
        key, _, value = line.partition(':')
        if key.strip():
            conf[key.strip()] = value.strip()
    sasl = kafka.get('sasl') or {}
    if sasl.get('mechanism') == 'PLAIN':
        conf.update({'security.protocol': 'SASL_PLAINTEXT',
                     'sasl.mechanism': 'PLAIN',
                     'sasl.username': secret(sasl['plain']['userSecret']),
                     'sasl.password': secret(sasl['plain']['passwordSecret'])})
    c = ck.Consumer(conf)
    c.subscribe([t.strip() for t in kafka['topic'].split(',')])
    return c


def text(data):
    return ''.join(chr(b) if 32 <= b < 127 and b != 92 else f'\\x{b:02x}'
                   for b in (data or b''))


def write(batch):
    """The log sink's lines, whole ones: others write there, too."""
    for m in batch:
        os.write(1, f'Payload - {text(m.value())} Keys - {text(m.key())} '
                 f'EventTime - {m.timestamp()[1]} Headers -  ID - {m.topic()}:'
                 f'{m.partition()}:{m.offset()}\n'.encode())


def told_to_exit():
    path = env.get('STAND_IN_EXIT', '')
    if not os.path.exists(path):
        return None
    with open(path) as f:
        code = int(f.read())
    os.unlink(path)
    return code


def main():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    o = json.loads(base64.b64decode(env['NUMAFLOW_MONO_VERTEX_OBJECT']))
    if 'STAND_IN_TELL' in env:
        tell(o)
    serve()
    spec = o['spec']
    c = consumer(spec['source']['kafka'])
    most = spec['limits']['readBatchSize']
    while not stop:
        code = told_to_exit()
        if code is not None:
            os._exit(code)
        batch = [m for m in c.consume(most, 0.2) if not m.error()]
        if not batch:
            continue
        for m in batch:
            read[m.partition()] += 1
        if 'log' in spec['sink']:
            write(batch)
        count['sink_write'] += len(batch)
        c.commit(asynchronous=False)
        count['ack'] += len(batch)
    c.close()


if __name__ == '__main__':
    main()
