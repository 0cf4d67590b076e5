"""A sink: prints each record, and refuses those that say so."""
import sys

from pynumaflow.sinker import Response, Responses, SinkServer


def write(records):
    answers = Responses()
    for record in records:
        if b"refuse" in record.value:
            answers.append(Response.as_fallback(record.id))
            continue
        print(record.value.decode(errors="replace"), flush=True)
        answers.append(Response.as_success(record.id))
    return answers


sockets = sys.argv[1]
SinkServer(
    write,
    sock_path=f"{sockets}/sink.sock",
    server_info_file=f"{sockets}/sinker-server-info",
).start()
