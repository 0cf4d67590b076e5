# SPDX-License-Identifier: Apache-2.0
"""Calls a user function as forebay does, so that the functions of the tests
are known to work before forebay is tried with them.

    client.py ROLE DIR [MODE] < records > answers

A record is a line of JSON: id, value (base64), keys, headers, time, retry.
All of them are one batch.  An answer is a line: of a sink {"id", "status",
"error", "message": {"value", "keys"}, "nack": {...}}, of the others {"id",
"results": [{"value", "keys", "tags", "time", "user"}]}.  An error of gRPC is
one line {"code", "details"}, and exit status 1.  CLIENT_TIMEOUT (60) is the
most seconds that the batch may take.
"""
import base64
import json
import os
import sys
import threading

import grpc

sys.dont_write_bytecode = True
import wire  # noqa: E402

LIMIT = 64 << 20
PATIENCE = float(os.environ.get("CLIENT_TIMEOUT", "60"))


def b64(data):
    return base64.b64encode(data).decode()


def nack_of(data):
    if data is None:
        return None
    reason, most, delay = (wire.one_of(data, n) for n in (1, 2, 3))
    return {"reason": reason and reason.decode(), "deliveries": most,
            "delay": delay}


def user_of(data):
    return {g: {k: b64(v) for k, v in pairs.items()}
            for g, pairs in wire.groups(data, 3).items()}


def sink_answer(result):
    message = wire.one_of(result, 5)
    return {
        "id": wire.one_of(result, 1, b"").decode(),
        "status": wire.STATUS[wire.one_of(result, 2, 0)],
        "error": wire.one_of(result, 3, b"").decode(),
        "message": message is not None and {
            "value": b64(wire.one_of(message, 1, b"")),
            "keys": [k.decode() for k in wire.all_of(message, 2)],
            "user": user_of(wire.one_of(message, 3)),
        },
        "nack": nack_of(wire.one_of(result, 6)),
    }


def stage_answer(role, data):
    at = wire.shape_of(role)["result"]
    return {"id": wire.one_of(data, 2, b"").decode(), "results": [{
        "value": b64(wire.one_of(r, at["value"], b"")),
        "keys": [k.decode() for k in wire.all_of(r, at["keys"])],
        "tags": [t.decode() for t in wire.all_of(r, at["tags"])],
        "time": wire.millis(wire.one_of(r, at["time"]))
        if "time" in at else None,
        "user": user_of(wire.one_of(r, at["metadata"])),
        "nack": nack_of(wire.one_of(r, at["nack"])),
    } for r in wire.all_of(data, 1)]}


# What is sent after the handshake.  The stream stays open until all is
# answered.
def requests(role, batch, records, done):
    yield wire.handshake(role)
    for record in records:
        yield wire.request(role, record)
    if batch:
        yield wire.end_of_batch(role)
    done.wait()


def main():
    role, folder = sys.argv[1:3]
    mode = sys.argv[3] if len(sys.argv) > 3 else "sync"
    shape = wire.shape_of(role)
    name = wire.MAP_SOCKETS.get(mode, wire.PLACES[role][0])
    records = [json.loads(line) for line in sys.stdin]
    for record in records:
        record["value"] = base64.b64decode(record["value"])
    channel = grpc.insecure_channel(f"unix:{folder}/{name}", options=[
        ("grpc.max_receive_message_length", LIMIT),
        ("grpc.max_send_message_length", LIMIT),
        # The server in Rust does not take that of a path.
        ("grpc.default_authority", "localhost")])
    ready = channel.unary_unary(shape["path"] + "IsReady")
    if wire.one_of(ready(b"", wait_for_ready=True, timeout=30), 1) != 1:
        sys.exit("not ready")

    is_sink = "result" not in shape
    batch = is_sink or mode == "batch"
    done = threading.Event()
    answers = channel.stream_stream(shape["path"] + shape["call"])(
        requests(role, batch, records, done), timeout=PATIENCE)
    first = next(answers)
    if wire.one_of(wire.one_of(first, shape["answer"]["handshake"], b""),
                   1) != 1:
        sys.exit(f"no handshake: {first!r}")
    left = len(records)
    at_end = shape["answer"].get("status")
    for data in answers:
        ended = at_end and wire.one_of(wire.one_of(data, at_end, b""), 1) == 1
        found = wire.all_of(data, 1)
        if is_sink:
            for result in found:
                print(json.dumps(sink_answer(result)))
        elif found or not ended:
            print(json.dumps(stage_answer(role, data)))
        # A stream of results has an end for each record.
        if mode == "stream":
            left -= bool(ended)
        elif not batch:
            left -= 1
        if left == 0 or (batch and ended):
            break
    # In good order, because servers in Python end when their client is lost.
    # But calls of transformer and map in Go have no end.
    done.set()
    timer = threading.Timer(1, answers.cancel)
    timer.daemon = True
    timer.start()
    try:
        for _ in answers:
            pass
    except grpc.RpcError as e:
        if e.code() != grpc.StatusCode.CANCELLED:
            raise


try:
    main()
except grpc.RpcError as e:
    print(json.dumps({"code": e.code().name, "details": e.details()}))
    sys.exit(1)
