"""Bytes as no well-behaved client would send them."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from journal_contracts.realtime import SUBPROTOCOL

SILENCE: Final = 1.0
"""Seconds without a word after which a server has said what it says."""
LONGEST: Final = 30.0
TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


async def opened(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection to the door."""
    place = urlsplit(url)
    return await asyncio.open_connection(place.hostname, place.port)


async def said(
    url: str, *pieces: bytes, pause: float = 0.0, silence: float = SILENCE
) -> tuple[bytes, bool]:
    """What a server says to these pieces, and whether it hung up."""
    reader, writer = await opened(url)
    heard = bytearray()
    saying = asyncio.create_task(_say(writer, pieces, pause))
    try:
        async with asyncio.timeout(LONGEST):
            while True:
                try:
                    chunk = await asyncio.wait_for(reader.read(65_536), silence)
                except TimeoutError:
                    if saying.done():
                        return bytes(heard), False
                    continue
                if not chunk:
                    return bytes(heard), True
                heard += chunk
    except ConnectionError:
        return bytes(heard), True
    finally:
        saying.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await saying
        writer.close()


def statuses(heard: bytes) -> list[int]:
    """Those of all answers in there."""
    parts = heard.split(b"HTTP/1.1 ")[1:]
    return [int(part[:3]) for part in parts]


async def _say(writer: asyncio.StreamWriter, pieces: Sequence[bytes], pause: float) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


def handshake(host: str, *more: str) -> bytes:
    """An upgrade to `jcc.rt.v1`, with further header lines."""
    lines = [
        "GET /v1/rt HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(
    payload: bytes, opcode: int = TEXT, *, final: bool = True, masked: bool = True, bits: int = 0
) -> bytes:
    """One WebSocket frame, right or wrong; `bits` are the reserved ones."""
    first = (0x80 if final else 0) | bits | opcode
    mark, size = 0x80 if masked else 0, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, mark | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, mark | 126, size)
    else:
        head = struct.pack("!BBQ", first, mark | 127, size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


@contextlib.asynccontextmanager
async def upgraded(
    url: str, *more: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A socket behind its handshake."""
    reader, writer = await opened(url)
    try:
        writer.write(handshake(urlsplit(url).netloc, *more))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield reader, writer
    finally:
        writer.close()


async def close_code(reader: asyncio.StreamReader, seconds: float = 10) -> int:
    """Why the other side closed; 1006 where it hung up without a word."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                first, second = await reader.readexactly(2)
                size = second & 0x7F
                if size >= 126:
                    wide = await reader.readexactly(2 if size == 126 else 8)
                    size = int.from_bytes(wide, "big")
                payload = await reader.readexactly(size)
                if first & 0x0F == CLOSE:
                    return int.from_bytes(payload[:2], "big")
    except (asyncio.IncompleteReadError, ConnectionError):
        return 1006
