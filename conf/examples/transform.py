"""A transformer: drops what is empty, and sets the event time."""
import sys
from datetime import datetime, timezone

from pynumaflow.sourcetransformer import Message, Messages, SourceTransformServer


def transform(keys, record):
    now = datetime.now(timezone.utc)
    if not record.value:
        return Messages(Message.to_drop(now))
    return Messages(Message(record.value, now, keys=keys))


sockets = sys.argv[1]
SourceTransformServer(
    transform,
    sock_path=f"{sockets}/sourcetransform.sock",
    server_info_file=f"{sockets}/sourcetransformer-server-info",
).start()
