#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sink with Numaflow's SDK, for tests: it writes lines as the log sink does.

    sink.py DIRECTORY OUT [RULE=N ...]

It serves on DIRECTORY/sink.sock (for the fallback and onSuccess:
NUMAFLOW_UD_CONTAINER_TYPE).  A record with bytes, key or headers other than
t/helper/produce.c has made is written as a line that begins with BAD.  Rules
are for each Nth record of a partition:

    failure     FAILURE, with a message, at the first attempt
    refused     FAILURE, always
    fallback    FALLBACK
    success     ON_SUCCESS with a message of its own
    same        ON_SUCCESS without one
    serve       SERVE
    nack        NACK with a delay of 50 ms, at the first attempt
    nacked      NACK, at most two deliveries, always
    crash       the process ends
    raise       an exception
    unknown     an answer for another id
    missing     no answer
    twice       two answers
    plain=1     any record will do: a line for each
"""
import os
import sys

SDK_DIRECTORY = "/var/run/numaflow"
directory, out, *rules = sys.argv[1:]
rules = {name: int(n) for name, n in (r.split("=") for r in rules)}

# Its paths are constants, made when it is imported; a namespace of mounts is
# the other way.
import pynumaflow._constants as constants  # noqa: E402

for name, value in list(vars(constants).items()):
    if isinstance(value, str) and value.startswith(SDK_DIRECTORY):
        setattr(constants, name, value.replace(SDK_DIRECTORY, directory))

from pynumaflow.proto.sinker import sink_pb2  # noqa: E402
from pynumaflow.sinker import SinkServer  # noqa: E402
from pynumaflow.sinker.servicer import sync_servicer  # noqa: E402

fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
HEADERS = {"trace": "", "null": "", "empty": "",
           "binary": "\ufffd\0\ufffd: ,"}


def looks_right(d, fields):
    seq = int(fields[3]) % 1000
    if d.value:
        if d.keys not in ([], [f"key-{seq}"]):
            return False
    topic = d.headers.get("X-NF-Kafka-TopicName")
    own = {k: v for k, v in d.headers.items() if k != "X-NF-Kafka-TopicName"}
    return topic == fields[1] and (not own or own == HEADERS)


def line_of(d, fields):
    place = d.id.split("-", 1)[1].rsplit("-", 2)[0]
    ms = round(d.event_time.timestamp() * 1000)
    keys = ":".join(d.keys)
    good = "plain" in rules or looks_right(d, fields)
    return (("" if good else "BAD ") + "Payload - " + d.value.decode() +
            f" Keys - {keys} EventTime - {ms} Headers -  ID - {place}\n")


def retry_count(d):
    return int(d.system_metadata.value("sink", "retry_count"))


def result(d, status, more=b"", **fields):
    r = sink_pb2.SinkResponse.Result(id=d.id, status=0, **fields)
    # Statuses and fields that the SDK does not know yet go along as they are.
    return sink_pb2.SinkResponse.Result.FromString(
        r.SerializeToString() + bytes([0x10, status]) + more)


def nack(d, delay, most, reason):
    options = b"\x0a" + bytes([len(reason)]) + reason
    if most:
        options += b"\x10" + bytes([most])
    if delay:
        options += b"\x18" + bytes([delay])
    return result(d, 5, b"\x32" + bytes([len(options)]) + options)


def message_of(d):
    return {"value": b"done: " + d.value, "keys": ["a", "b"]}


def answers_to(d, text, seq):
    def applies(rule):
        return rule in rules and seq % rules[rule] == rules[rule] - 1

    first = retry_count(d) == 0
    if applies("crash"):
        os._exit(3)
    if applies("raise"):
        raise ValueError("a bug of the user")
    if applies("failure") and first:
        return [result(d, 1, err_msg="not yet")]
    if applies("refused"):
        return [result(d, 1, err_msg="never")]
    if applies("fallback"):
        return [result(d, 2)]
    if applies("serve"):
        return [result(d, 3)]
    if applies("nack") and first:
        return [nack(d, 50, 0, b"later")]
    if applies("nacked"):
        return [nack(d, 0, 2, b"never, says the user")]
    if applies("missing"):
        return []
    text.append(line_of(d, d.value.decode().split(" ")))
    if applies("success"):
        return [result(d, 4, on_success_msg=message_of(d))]
    if applies("same"):
        return [result(d, 4)]
    if applies("unknown"):
        return [result(d, 0), sink_pb2.SinkResponse.Result(id="nobody")]
    if applies("twice"):
        return [result(d, 0), result(d, 0)]
    return [result(d, 0)]


def sink(datums):
    text, answers = [], []
    for d in datums:
        seq = 0 if "plain" in rules else int(d.value.split(b" ")[3])
        answers += answers_to(d, text, seq)
    os.write(fd, "".join(text).encode())
    return answers


sync_servicer.build_sink_resp_results = lambda answers: answers
SinkServer(sink).start()
