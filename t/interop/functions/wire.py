# SPDX-License-Identifier: Apache-2.0
"""The messages of the functions' protocol, by hand: faults.py and client.py
shall not share an error with an SDK or with forebay."""
import struct

# Numbers of fields; `request` is inside the message's field 1, `id` may be
# in either.
ROLES = {
    "sink": {
        "path": "/sink.v1.Sink/", "call": "SinkFn",
        "request": {"keys": 1, "value": 2, "time": 3, "watermark": 4,
                    "id": 5, "headers": 6, "metadata": 7},
        "message": {"status": 2, "handshake": 3},
        "answer": {"results": 1, "handshake": 2, "status": 3},
    },
    "transformer": {
        "path": "/sourcetransformer.v1.SourceTransform/",
        "call": "SourceTransformFn",
        "request": {"keys": 1, "value": 2, "time": 3, "watermark": 4,
                    "headers": 5, "id": 6, "metadata": 7},
        "message": {"handshake": 2},
        "answer": {"results": 1, "id": 2, "handshake": 3},
        "result": {"keys": 1, "value": 2, "time": 3, "tags": 4,
                   "metadata": 5, "nack": 6},
    },
    "map": {
        "path": "/map.v1.Map/", "call": "MapFn",
        "request": {"keys": 1, "value": 2, "time": 3, "watermark": 4,
                    "headers": 5, "metadata": 6},
        "message": {"id": 2, "handshake": 3, "status": 4},
        "answer": {"results": 1, "id": 2, "handshake": 3, "status": 4},
        "result": {"keys": 1, "value": 2, "tags": 3, "metadata": 4,
                   "nack": 5},
    },
}
STATUS = ["SUCCESS", "FAILURE", "FALLBACK", "SERVE", "ON_SUCCESS", "NACK"]
PLACES = {
    "transformer": ("sourcetransform.sock", "sourcetransformer-server-info"),
    "map": ("map.sock", "mapper-server-info"),
    "sink": ("sink.sock", "sinker-server-info"),
    "fallback": ("fb-sink.sock", "fb-sinker-server-info"),
    "onSuccess": ("ons-sink.sock", "ons-sinker-server-info"),
}
MAP_SOCKETS = {"batch": "batchmap.sock", "stream": "mapstream.sock",
               "multiproc": "multiproc0.sock"}


def shape_of(role):
    return ROLES[role if role in ROLES else "sink"]


# ---- protobuf ------------------------------------------------------------

def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, (int, bool)):
        return varint(number << 3) + varint(int(value))
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return n, at


def fields(data):
    """All fields as (number, int or bytes)."""
    at, out = 0, []
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 2:
            size, at = read_varint(data, at)
            value = bytes(data[at:at + size])
            if len(value) != size:
                raise ValueError("a field is cut off")
            at += size
        else:
            raise ValueError(f"wire type {kind}")
        out.append((tag >> 3, value))
    return out


def all_of(data, number):
    return [value for n, value in fields(data) if n == number]


def one_of(data, number, default=None):
    return (all_of(data, number) or [default])[-1]


def timestamp(ms):
    return field(1, ms // 1000) + field(2, ms % 1000 * 1000000)


def millis(data):
    if data is None:
        return None
    seconds = one_of(data, 1, 0)
    seconds -= (1 << 64) if seconds >> 63 else 0
    return seconds * 1000 + one_of(data, 2, 0) // 1000000


def to_map(pairs):
    return {one_of(p, 1, b"").decode(): one_of(p, 2, b"") for p in pairs}


def groups(data, number):
    """metadata: {group: {key: bytes}}"""
    found = to_map(all_of(data or b"", number))
    return {name: to_map(all_of(group, 1)) for name, group in found.items()}


# ---- messages ------------------------------------------------------------

def handshake(role):
    return field(shape_of(role)["message"]["handshake"], field(1, True))


def end_of_batch(role, where="message"):
    return field(shape_of(role)[where]["status"], field(1, True))


def request(role, record):
    """A record is a dict: id, value, keys, headers, time, retry."""
    shape = shape_of(role)
    at = shape["request"]
    body = b"".join(field(at["keys"], k) for k in record.get("keys", []))
    body += field(at["value"], record["value"])
    body += field(at["time"], timestamp(record.get("time", 0)))
    for name, value in record.get("headers", {}).items():
        body += field(at["headers"], field(1, name) + field(2, value))
    if "retry" in record:
        count = field(1, field(1, "retry_count") + field(2, record["retry"]))
        body += field(at["metadata"],
                      field(2, field(1, "sink") + field(2, count)))
    if "id" in at:
        return field(1, body + field(at["id"], record["id"]))
    return field(1, body) + field(shape["message"]["id"], record["id"])


def read_request(role, data):
    """The record in a message; None if it has none."""
    shape = shape_of(role)
    at = shape["request"]
    body = one_of(data, 1)
    if body is None:
        return None
    where = (body, at["id"]) if "id" in at else (data, shape["message"]["id"])
    headers = to_map(all_of(body, at["headers"]))
    return {
        "id": one_of(*where, b"").decode(),
        "value": one_of(body, at["value"], b""),
        "keys": [k.decode() for k in all_of(body, at["keys"])],
        "headers": {n: v.decode() for n, v in headers.items()},
        "time": millis(one_of(body, at["time"])),
        "watermark": millis(one_of(body, at["watermark"])),
    }


def is_end(role, data):
    at = shape_of(role)["message"].get("status")
    return at is not None and one_of(one_of(data, at, b""), 1, 0) == 1


def sink_results(ids, status=0, reason=""):
    """An answer of a sink."""
    return b"".join(field(1, field(1, i) + field(2, status)
                          + (field(3, reason) if reason else b""))
                    for i in ids)


def stage_answer(role, record, ident=None):
    """An answer of transformer or map: the record as it was."""
    shape = shape_of(role)
    at = shape["result"]
    body = b"".join(field(at["keys"], k) for k in record["keys"])
    body += field(at["value"], record["value"])
    if "time" in at:
        body += field(at["time"], timestamp(record["time"] or 0))
    return field(1, body) + field(2, record["id"] if ident is None else ident)


def frame(message):
    """As gRPC puts it into a stream."""
    return struct.pack(">BI", 0, len(message)) + message
