# SPDX-License-Identifier: Apache-2.0
"""A user function that goes wrong in one way, and is well again after it.
HTTP/2 is by hand, so that it can be broken anywhere.

    faults.py ROLE FAULT [--times N] [--after N] [--seconds S] [--mode MODE]

ROLE and MODE are as in README here, FUNCTION_DIR and FUNCTION_LOG, too; what
is seen has "answered", and is noted twice, first with false, if the fault met
it: what is answered well in spite of it has been delivered.  A map is unary
unless the mode is batch.

The fault comes with the batch after the first --after, and --times (1) in
all; the count is kept in FUNCTION_DIR/faults, so that it is not begun anew
when the process is.  Transformer and a unary map have for a batch what has
come in one piece.
"""
import argparse
import base64
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
import wire  # noqa: E402

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = (
    0, 1, 3, 4, 6, 7, 8)
END_STREAM, END_HEADERS, ACK, PADDED = 1, 4, 1, 8
INITIAL_WINDOW = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 16 << 20
LIMIT = 64 << 20
FRAME = 16384


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] +
            struct.pack(">BBI", kind, flags, stream) + payload)


# A string of HPACK, not compressed; its length has seven bits of a byte.
def text(string):
    size = len(string)
    lead = bytes([size]) if size < 127 else b"\x7f" + wire.varint(size - 127)
    return lead + string.encode()


# A header without an index.
def header(name, value):
    return b"\0" + text(name) + text(value)


def head(status="200"):
    return (header(":status", status) +
            header("content-type", "application/grpc"))


def trailers(code, message="", details=None):
    block = header("grpc-status", str(code))
    if message:
        block += header("grpc-message", message)
    if details:
        block += header("grpc-status-details-bin",
                        base64.b64encode(details).decode().rstrip("="))
    return block


# google.rpc.Status with a stack, as SDKs have it.
def error_details(message):
    info = wire.field(2, "at line 1 of the user's function")
    any_ = (wire.field(1, "type.googleapis.com/google.rpc.DebugInfo") +
            wire.field(2, info))
    return wire.field(1, 13) + wire.field(2, message) + wire.field(3, any_)


class Lost(Exception):
    pass


class Connection:
    """One client.  What a fault does is a method fault_NAME(records)."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.buffers = {}
        self.begun = set()
        self.windows = {0: 65535}
        self.initial = 65535
        self.queue = []
        self.batch = []
        self.call = None    # the stream of the bidirectional call
        self.stays = True

    # ---- bytes ----

    def recv(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise Lost
            data += piece
        return data

    def raw(self, data):
        self.sock.sendall(data)

    # Messages wait for the client's windows.
    def send(self, message):
        self.queue.append(wire.frame(message))
        self.pump()

    def pump(self):
        while self.queue:
            window = min(self.windows[0],
                         self.windows.get(self.call, self.initial), FRAME)
            if window <= 0:
                return
            piece, rest = self.queue[0][:window], self.queue[0][window:]
            for stream in (0, self.call):
                self.windows[stream] = self.windows.get(
                    stream, self.initial) - len(piece)
            self.raw(frame(DATA, 0, self.call, piece))
            self.queue[0] = rest
            if not rest:
                self.queue.pop(0)

    def end(self, code, message="", details=None):
        self.raw(frame(HEADERS, END_STREAM | END_HEADERS, self.call,
                       trailers(code, message, details)))
        self.begun.discard(self.call)
        self.call = None

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        raise Lost

    # ---- frames ----

    def run(self):
        if self.recv(len(PREFACE)) != PREFACE:
            raise Lost
        self.raw(frame(SETTINGS, 0, 0,
                       struct.pack(">HI", INITIAL_WINDOW, WINDOW)))
        self.raw(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW)))
        while True:
            self.step()

    def step(self):
        lead = self.recv(9)
        size = int.from_bytes(lead[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", lead[3:])
        payload = self.recv(size)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, size, 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == INITIAL_WINDOW:
                    for s in self.windows:
                        if s:
                            self.windows[s] += value - self.initial
                    self.initial = value
            self.raw(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.raw(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = (
                self.windows.get(stream, self.initial) +
                struct.unpack(">I", payload)[0])
        elif kind == HEADERS:
            self.buffers[stream] = b""
        elif kind == DATA:
            if flags & PADDED:
                payload = payload[1:len(payload) - payload[0]]
            if size:
                for s in (0, stream):
                    self.raw(frame(WINDOW_UPDATE, 0, s,
                                   struct.pack(">I", size)))
            self.on_data(stream, payload, flags & END_STREAM)
        elif kind == RST_STREAM and stream == self.call:
            self.call, self.batch, self.queue = None, [], []
        elif kind == GOAWAY:
            raise Lost
        self.pump()

    def on_data(self, stream, payload, ended):
        data = self.buffers.get(stream, b"") + payload
        records = []
        while len(data) >= 5:
            size = int.from_bytes(data[1:5], "big")
            if len(data) < 5 + size:
                break
            message, data = data[5:5 + size], data[5 + size:]
            # IsReady asks with nothing; a call begins with the handshake.
            if not message and ended and stream not in self.begun:
                self.is_ready(stream)
            elif stream not in self.begun:
                self.on_handshake(stream)
            elif self.server.in_batches:
                self.on_message(message)
            else:
                records.append(wire.read_request(self.server.role, message))
        self.buffers[stream] = data
        if records:
            self.on_batch(records)
        if ended and stream == self.call:
            self.end(0)

    def on_message(self, message):
        if wire.is_end(self.server.role, message):
            records, self.batch = self.batch, []
            self.on_batch(records)
        else:
            self.batch.append(wire.read_request(self.server.role, message))

    def is_ready(self, stream):
        ready = not self.server.comes("not-ready")
        self.raw(frame(HEADERS, END_HEADERS, stream, head()) +
                 frame(DATA, 0, stream, wire.frame(
                     wire.field(1, True) if ready else b"")) +
                 frame(HEADERS, END_STREAM | END_HEADERS, stream,
                       trailers(0)))

    def on_handshake(self, stream):
        self.call = stream
        self.begun.add(stream)
        if self.server.comes("http-error"):
            self.raw(frame(HEADERS, END_STREAM | END_HEADERS, stream,
                           head("503")))
            return
        self.raw(frame(HEADERS, END_HEADERS, stream, head()))
        if self.server.comes("no-handshake"):
            self.send(self.eot() if self.server.in_batches else
                      wire.field(2, "not a handshake"))
            return
        at = wire.shape_of(self.server.role)["answer"]["handshake"]
        self.send(wire.field(at, wire.field(1, True)))

    # ---- answers ----

    def eot(self):
        return wire.end_of_batch(self.server.role, "answer")

    def results(self, records):
        self.server.note(records, True)
        if self.server.is_sink:
            self.send(wire.sink_results([r["id"] for r in records]))
            return
        for record in records:
            self.send(wire.stage_answer(self.server.role, record))

    # One more answer with that id.
    def result_with(self, record, ident):
        if self.server.is_sink:
            self.send(wire.sink_results([ident]))
        else:
            self.send(wire.stage_answer(self.server.role, record, ident))

    def finish(self):
        if self.server.in_batches:
            self.send(self.eot())

    def on_batch(self, records):
        name = self.server.fault
        fault = getattr(self, "fault_" + name.replace("-", "_"), None)
        if fault and self.server.comes(name):
            self.server.note(records, False)
            fault(records)
            return
        self.results(records)
        self.finish()

    # ---- faults ----

    def fault_crash(self, records):
        os.kill(os.getpid(), signal.SIGKILL)

    def fault_crash_half(self, records):
        self.results(records[:len(records) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    def fault_hang(self, records):
        time.sleep(self.server.seconds)
        self.results(records)
        self.finish()

    def fault_close(self, records):
        self.close()

    def fault_garbage(self, records):
        self.raw(random.Random(1).randbytes(4096))

    def fault_half_frame(self, records):
        whole = frame(DATA, 0, self.call, wire.frame(
            wire.sink_results([r["id"] for r in records])))
        self.raw(whole[:len(whole) // 2])
        self.close()

    def fault_large_frame(self, records):
        self.raw(frame(DATA, 0, self.call, b"")[3:].rjust(9, b"\xff"))

    def fault_too_large(self, records):
        self.raw(frame(DATA, 0, self.call,
                       struct.pack(">BI", 0, LIMIT + 1) + b"x" * 100))

    def fault_compressed(self, records):
        self.raw(frame(DATA, 0, self.call, struct.pack(">BI", 1, 2) + b"xx"))

    def fault_unknown_id(self, records):
        self.results(records[1:])
        self.result_with(records[0], "nobody:0:0")
        self.finish()

    def fault_duplicate_id(self, records):
        self.results(records)
        self.result_with(records[0], records[0]["id"])
        self.finish()

    def fault_missing_id(self, records):
        self.results(records[1:])
        self.finish()

    def fault_no_eot(self, records):
        self.results(records)

    # The call ends well, but before the batch has.
    def fault_no_eot_end(self, records):
        self.results(records)
        self.end(0)

    def fault_invalid(self, records):
        self.send(b"\x0a\xff\xff\xff\xff\x7f")

    def fault_status(self, records):
        if self.server.is_sink:
            self.send(wire.sink_results([r["id"] for r in records], 77))
        else:
            self.send(wire.field(2, b"\xff\xfe"))   # an id that is no text
        self.finish()

    def fault_goaway(self, records):
        self.raw(frame(GOAWAY, 0, 0, struct.pack(">II", self.call, 0) +
                       b"I go away"))
        self.close()

    def fault_rst(self, records):
        self.raw(frame(RST_STREAM, 0, self.call, struct.pack(">I", 2)))
        self.begun.discard(self.call)
        self.call = None

    def fault_error(self, records):
        kind = os.environ.get("NUMAFLOW_UD_CONTAINER_TYPE", "udsink")
        message = f"UDF_EXECUTION_ERROR({kind}): it failed"
        self.end(13, message, error_details(message))


class Server:
    def __init__(self, args):
        self.role, self.fault, self.seconds = args.role, args.fault, args.seconds
        self.is_sink = args.role not in ("transformer", "map")
        self.in_batches = self.is_sink or args.mode == "batch"
        self.dir = os.environ.get("FUNCTION_DIR", "/var/run/numaflow")
        self.after, self.times, self.mode = args.after, args.times, args.mode
        path = os.environ.get("FUNCTION_LOG")
        self.log = open(path, "ab", 0) if path else None
        self.lock = threading.Lock()

    # Is it time for this fault?  It is counted before it is done.
    def comes(self, name):
        if name != self.fault:
            return False
        with self.lock:
            if self.after:
                self.after -= 1
                return False
            path = f"{self.dir}/faults"
            done = os.path.getsize(path) if os.path.exists(path) else 0
            if done >= self.times:
                return False
            with open(path, "ab") as f:
                f.write(b".")
        return True

    def note(self, records, answered):
        for r in records if self.log else ():
            line = dict(r, role=self.role, answered=answered, pid=os.getpid(),
                        value=base64.b64encode(r["value"]).decode())
            self.log.write(json.dumps(line).encode() + b"\n")

    def info(self):
        mode = {"batch": "batch-map", "stream": "stream-map"}
        content = json.dumps({
            "protocol": "uds", "language": "", "version": "",
            "minimum_numaflow_version": "",
            "metadata": {"MAP_MODE": mode.get(self.mode, "unary-map")},
        })
        if self.comes("info-cut"):
            return content
        if self.comes("info-garbage"):
            return "{\0\xffnot JSON" + "U+005C__END__"
        return content + "U+005C__END__"

    def serve(self, sock):
        if self.comes("refuse"):
            sock.close()
            return
        try:
            Connection(self, sock).run()
        except (Lost, OSError):
            sock.close()

    def run(self):
        name, info = wire.PLACES[self.role]
        name = wire.MAP_SOCKETS.get(self.mode, name)
        for path in (f"{self.dir}/{info}", f"{self.dir}/{name}"):
            if os.path.exists(path):
                os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.dir}/{name}")
        listener.listen(16)
        with open(f"{self.dir}/{info}.new", "w", encoding="latin-1") as f:
            f.write(self.info())
        os.rename(f"{self.dir}/{info}.new", f"{self.dir}/{info}")
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self.serve, args=(sock,),
                             daemon=True).start()


FAULTS = sorted(name[6:].replace("_", "-") for name in dir(Connection)
                if name.startswith("fault_"))
OTHERS = ["none", "not-ready", "http-error", "no-handshake", "refuse",
          "info-cut", "info-garbage"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("role", choices=sorted(wire.PLACES))
    p.add_argument("fault", choices=FAULTS + OTHERS)
    p.add_argument("--times", type=int, default=1)
    p.add_argument("--after", type=int, default=0)
    p.add_argument("--seconds", type=float, default=3600)
    p.add_argument("--mode", default="sync")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(p.parse_args()).run()


main()
