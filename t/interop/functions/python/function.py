# SPDX-License-Identifier: Apache-2.0
"""A user function with pynumaflow; ../README says what it is told to do."""
import asyncio
import base64
import json
import os
import sys
import time
from datetime import datetime, timezone

import pynumaflow.shared.server as shared
from pynumaflow import batchmapper, mapper, mapstreamer, sinker
from pynumaflow import sourcetransformer as transformer
from pynumaflow._metadata import UserMetadata

ROLE = sys.argv[1]
MODE = sys.argv[2] if len(sys.argv) > 2 else "sync"
DIR = os.environ.get("FUNCTION_DIR", "/var/run/numaflow")
LOG = os.environ.get("FUNCTION_LOG")
DEFAULT = os.environ.get("FUNCTION_DO", "")
NACK = "U+005C__NACK__"

FILES = {
    "transformer": ("sourcetransform.sock", "sourcetransformer-server-info"),
    "map": ("map.sock", "mapper-server-info"),
    "sink": ("sink.sock", "sinker-server-info"),
    "fallback": ("fb-sink.sock", "fb-sinker-server-info"),
    "onSuccess": ("ons-sink.sock", "ons-sinker-server-info"),
}

log = open(LOG, "ab", 0) if LOG else None
seen = {}


def orders_of(datum):
    words = datum.headers.get("do." + ROLE, DEFAULT).split()
    orders = {}
    for word in words:
        name, _, value = word.partition("=")
        orders.setdefault(name, []).append(value)
    return orders


# Returns how long the caller shall sleep; None is for ever.
def misbehave(orders):
    if "exit" in orders:
        os._exit(3)
    if "panic" in orders:
        raise ValueError("asked to fail")
    if "hang" in orders:
        return None
    return int(orders["slow"][0]) / 1000 if "slow" in orders else 0


def obey(orders):
    pause = misbehave(orders)
    while pause is None:
        time.sleep(60)
    if pause:
        time.sleep(pause)


async def obey_async(orders):
    pause = misbehave(orders)
    while pause is None:
        await asyncio.sleep(60)
    if pause:
        await asyncio.sleep(pause)


def b64(data):
    return base64.b64encode(data).decode()


def millis(when):
    return round(when.timestamp() * 1000)


def note(datum, keys):
    if not log:
        return
    user = getattr(datum, "user_metadata", None) or UserMetadata()
    system = getattr(datum, "system_metadata", None)
    retry = system.value("sink", "retry_count") if system else None
    line = {
        "role": ROLE, "id": getattr(datum, "id", ""),
        "value": b64(datum.value), "keys": list(keys),
        "headers": datum.headers,
        "time": millis(datum.event_time), "watermark": millis(datum.watermark),
        "retry": (retry or b"").decode(),
        "user": {g: {k: b64(user.value(g, k)) for k in user.keys(g)}
                 for g in user.groups()},
        "pid": os.getpid(),
    }
    log.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def metadata(orders):
    user = UserMetadata()
    for text in orders.get("meta", []):
        group, key, value = text.split("/", 2)
        user.add_key(group, key, value.encode())
    return user


# ---- sinks ---------------------------------------------------------------

def answer(datum, orders):
    r = sinker.Response
    if "failure" in orders:
        seen[datum.id] = seen.get(datum.id, 0) + 1
        if seen[datum.id] <= int(orders["failure"][0]):
            return r.as_failure(datum.id, "asked to fail")
    if "fallback" in orders:
        return r.as_fallback(datum.id)
    if "success" in orders:
        text = orders["success"][0]
        message = sinker.Message(text.encode(), ["on-success"],
                                 metadata(orders)) if text else None
        return r.as_on_success(datum.id, message)
    for name in ("nack", "serve"):
        if name in orders:
            return r.as_failure(datum.id, f"pynumaflow has no {name}")
    return r.as_success(datum.id)


def sink(datums):
    responses = sinker.Responses()
    for datum in datums:
        orders = orders_of(datum)
        note(datum, datum.keys)
        obey(orders)
        responses.append(answer(datum, orders))
    return responses


async def sink_async(datums):
    responses = sinker.Responses()
    async for datum in datums:
        orders = orders_of(datum)
        note(datum, datum.keys)
        await obey_async(orders)
        responses.append(answer(datum, orders))
    return responses


# ---- transformer and map -------------------------------------------------

# What `make` makes of (value, keys, tags), as many times as it is wanted.
def results(keys, datum, orders, make):
    if "none" in orders:
        return []
    if "drop" in orders:
        return [make(b"", None, ["U+005C__DROP__"])]
    if "nack" in orders:
        if orders["nack"][0]:
            raise ValueError("pynumaflow has no options of nack")
        return [make(b"", None, [NACK])]
    value = orders["value"][0].encode() if "value" in orders else datum.value
    keys = orders.get("key", list(keys))
    tags = orders.get("tag", [])
    if "copies" not in orders:
        return [make(value, keys, tags)]
    return [make(value + b"/%d" % i, keys, tags)
            for i in range(int(orders["copies"][0]))]


def transformed(keys, datum, orders):
    when = datum.event_time
    if "time" in orders:
        when = datetime.fromtimestamp(int(orders["time"][0]) / 1000,
                                      timezone.utc)
    return transformer.Messages(*results(
        keys, datum, orders, lambda v, k, t: transformer.Message(
            v, when, k, t, metadata(orders))))


def mapped(keys, datum, orders):
    return mapper.Messages(*results(
        keys, datum, orders,
        lambda v, k, t: mapper.Message(v, k, t, metadata(orders))))


def plain(module, keys, datum, orders):
    return results(keys, datum, orders, module.Message)


def handler(make):
    def handle(keys, datum):
        orders = orders_of(datum)
        note(datum, keys)
        obey(orders)
        return make(keys, datum, orders)
    return handle


def handler_async(make):
    async def handle(keys, datum):
        orders = orders_of(datum)
        note(datum, keys)
        await obey_async(orders)
        return make(keys, datum, orders)
    return handle


async def map_batch(datums):
    responses = batchmapper.BatchResponses()
    async for datum in datums:
        orders = orders_of(datum)
        note(datum, datum.keys)
        await obey_async(orders)
        responses.append(batchmapper.BatchResponse.with_msgs(
            datum.id, plain(batchmapper, datum.keys, datum, orders)))
    return responses


async def map_stream(keys, datum):
    orders = orders_of(datum)
    note(datum, keys)
    await obey_async(orders)
    for message in plain(mapstreamer, keys, datum, orders):
        yield message


# ---- servers -------------------------------------------------------------

SINKS = {
    "sync": (sinker.SinkServer, sink),
    "async": (sinker.SinkAsyncServer, sink_async),
}
SERVERS = {
    "sink": SINKS, "fallback": SINKS, "onSuccess": SINKS,
    "transformer": {
        "sync": (transformer.SourceTransformServer, handler(transformed)),
        "async": (transformer.SourceTransformAsyncServer,
                  handler_async(transformed)),
    },
    "map": {
        "sync": (mapper.MapServer, handler(mapped)),
        "async": (mapper.MapAsyncServer, handler_async(mapped)),
        "batch": (batchmapper.BatchMapAsyncServer, map_batch),
        "stream": (mapstreamer.MapStreamAsyncServer, map_stream),
        "multiproc": (mapper.MapMultiprocServer, handler(mapped)),
    },
}


def main():
    server, handle = SERVERS[ROLE][MODE]
    options = {}

    if "FUNCTION_DIR" in os.environ:
        # For sinks this name would win over the paths.
        os.environ.pop("NUMAFLOW_UD_CONTAINER_TYPE", None)
        socket, info = FILES[ROLE]
        if MODE in ("batch", "stream"):
            socket = {"batch": "batchmap.sock", "stream": "mapstream.sock"}[MODE]
        options["sock_path"] = f"{DIR}/{socket}"
        options["server_info_file"] = f"{DIR}/{info}"
        shared.MULTIPROC_MAP_SOCK_ADDR = f"{DIR}/multiproc"
    server(handle, **options).start()


main()
