"""A map function: makes a record of each line."""
import sys

from pynumaflow.mapper import MapServer, Message, Messages


def split(keys, record):
    lines = Messages()
    for line in record.value.splitlines():
        lines.append(Message(line, keys=keys))
    return lines


sockets = sys.argv[1]
MapServer(
    split,
    sock_path=f"{sockets}/map.sock",
    server_info_file=f"{sockets}/mapper-server-info",
).start()
