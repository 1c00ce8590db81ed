"""The HTTP connection itself: a request has to arrive within its time, and its head within bounds.

uvicorn waits for either as long as it takes, and keeps whatever comes.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Final

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseStartEvent,
    Scope,
)
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 10.0
"""From the connection, or the first byte of a later request, to the end of its head."""
REQUEST_SECONDS: Final = 120.0
"""From the end of its head to the end of its body, whether anybody reads it or not."""
GRACE_SECONDS: Final = 0.1
"""More, in which a server that was busy sees what has arrived meanwhile."""
LONGEST_HEAD: Final = 32 * 1024
MOST_HEADERS: Final = 100
KERNEL_BYTES: Final = 128 * 1024
"""What the kernel keeps of what a WebSocket was sent and has not read; it takes that twice."""
CLOSE_SECONDS: Final = 2.0
"""What the other side has to read what is left, of a WebSocket or an answer, and to close it."""
READ_SECONDS: Final = 30.0
"""What the other side has to read on, of an answer of which no more can be written."""
EVENT_STREAM: Final = b"text/event-stream"


class HeadTooLarge(ValueError):
    """More in a head than any honest client sends."""


class UnknownVersion(ValueError):
    """Neither HTTP/1.1 nor its elder."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's, with deadlines and bounds, and with problem documents for what is no request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head: int | None = 0
        """Bytes that came of the head that has begun; None behind it."""
        self._told = 0
        """Bytes of the head that were understood."""
        self._lost = False
        self.app = self._to_its_end(self.app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._arm(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        begun = self._head
        super().data_received(data)
        if begun is not None and self._head is not None and not self.transport.is_closing():
            self._head = begun + len(data)
            if self._head > LONGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        """And keep nothing of this protocol alive: it and its parser held each other."""
        self._arm(None)
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn itself does at the end
        self.app = self.config.loaded_app

    def send_400_response(self, msg: str) -> None:
        too_large = self._told > LONGEST_HEAD or len(self.headers or ()) > MOST_HEADERS
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
        self._refuse(status)

    # --- what is answered -----------------------------------------------------------------------

    def _to_its_end(self, app: ASGI3Application) -> ASGI3Application:
        """The application, and then the end of whoever does not read what it said."""

        async def answer(
            scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
        ) -> None:
            async def say(message: ASGISendEvent) -> None:
                if message["type"] == "http.response.start" and _is_event_stream(message):
                    keep_little(self.transport)
                if self._lost:  # who never waits for anything else has to hear of it
                    await asyncio.sleep(0)
                elif self.flow.write_paused:
                    await self._within_patience(send(message))
                else:
                    await send(message)

            cycle = self.cycle
            try:
                await app(scope, receive, say)
            finally:
                if not cycle.response_complete or self.transport.get_write_buffer_size():
                    self.loop.call_later(CLOSE_SECONDS, self._cut_off)

        return answer

    async def _within_patience(self, saying: Awaitable[None]) -> None:
        """Who reads nothing of an answer is cut off: its application hears of a lost connection."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                await saying
        except TimeoutError:
            if not self._lost:
                cut_off(self.transport)

    def _cut_off(self) -> None:
        """To close waits for who reads no more for ever."""
        if self.transport.is_closing() and not self._lost:
            cut_off(self.transport)

    # --- what the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._told = 0
        if self._head is None:
            self._head = 0
            self._arm(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise UnknownVersion
        self._head = None
        self._arm(REQUEST_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arm(None)
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._told += size
        if self._told > LONGEST_HEAD or len(self.headers) > MOST_HEADERS:
            raise HeadTooLarge

    # --- time -----------------------------------------------------------------------------------

    def _arm(self, seconds: float | None) -> None:
        """Give what is expected so long; None: nothing is."""
        if self._deadline is not None:
            self._deadline.cancel()
        late = self._late
        self._deadline = None if seconds is None else self.loop.call_later(seconds, late)

    def _late(self) -> None:
        self._deadline = self.loop.call_later(GRACE_SECONDS, self._too_late)

    def _too_late(self) -> None:
        if self._head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Say so, unless an answer is under way, and hang up."""
        if self.cycle is None or self.cycle.response_complete:
            told = {
                "type": "about:blank",
                "title": status.phrase,
                "status": status.value,
                "code": status.name.lower(),
            }
            body = json.dumps(told)
            self.transport.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
                f"connection: close\r\n\r\n{body}".encode()
            )
        self.transport.close()


def keep_little(transport: asyncio.BaseTransport) -> None:
    """Of what nobody reads the kernel keeps a little, not the megabytes it would."""
    there = transport.get_extra_info("socket")
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)


def cut_off(transport: asyncio.Transport) -> None:
    """Without lingering: the kernel too would keep what nobody reads."""
    there = transport.get_extra_info("socket")
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _is_event_stream(start: HTTPResponseStartEvent) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(EVENT_STREAM)
        for name, value in start.get("headers", ())
    )
