"""A message as AMQP 0-9-1 puts it on the wire: method, header and body frames, in one piece.

The client's own encoder looks up the type of every field of every message; ours are known.
"""

import struct
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from pamqp import commands, frame

from chassis.broker.saying import CONTENT_TYPE

TRANSIENT, PERSISTENT = 1, 2
BASIC: Final = 60
HEADER, BODY, END = 2, 3, b"\xce"
FLAGS: Final = (
    1 << 15  # content type
    | 1 << 13  # headers
    | 1 << 12  # delivery mode
    | 1 << 10  # correlation id
    | 1 << 7  # message id
    | 1 << 6  # timestamp
    | 1 << 5  # type
    | 1 << 3  # app id
)


def published(
    channel: int,
    method: bytes,
    *,
    app_id: str,
    name: str,
    message_id: str,
    subject: str,
    at: datetime,
    headers: Mapping[str, str],
    body: bytes,
    most: int,
    persistent: bool = True,
) -> bytes:
    """The frames of one message; `most` bytes of its body go into one frame."""
    header = b"".join(
        (
            struct.pack(">HHQH", BASIC, 0, len(body), FLAGS),
            _short(CONTENT_TYPE),
            _table(headers),
            bytes((PERSISTENT if persistent else TRANSIENT,)),
            _short(subject),
            _short(message_id),
            struct.pack(">Q", int(at.timestamp())),
            _short(name),
            _short(app_id),
        )
    )
    parts = [body[at : at + most] for at in range(0, len(body), most)]
    frames = [_frame(HEADER, channel, header), *(_frame(BODY, channel, part) for part in parts)]
    return b"".join((method, *frames))


@lru_cache(maxsize=512)
def publish_method(channel: int, exchange: str, routing_key: str, mandatory: bool) -> bytes:
    """The frame that says where the message after it goes."""
    method = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
    encoded: bytes = frame.marshal(method, channel)
    return encoded


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + END


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


def _table(fields: Mapping[str, str]) -> bytes:
    rows = b"".join(_short(key) + b"S" + _long(value) for key, value in fields.items())
    return struct.pack(">I", len(rows)) + rows


def _long(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">I", len(encoded)) + encoded
