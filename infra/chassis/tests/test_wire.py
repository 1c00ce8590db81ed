"""Whoever sends a request slowly, or without end, is let go of (R7.2b, R7.2c)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from chassis import errors, web, wire
from chassis.errors import ServiceError
from chassis.wire import BoundedProtocol

Street = tuple[str, int]
CLOSED = 7
"""TCP_CLOSE of Linux: the connection was reset."""
PIECE = b"x" * 50_000


left: list[str] = []


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield PIECE


class Endless(StreamingResponse):
    """A file that never ends; it notes that it was let go of."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            left.append("the file")


class TooMuch(ServiceError):
    """More than ten bytes."""

    status = 413


class Flood(Response):
    """More than anybody reads; broken off by who says it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers[1:]})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    await send({"type": "http.response.body", "body": PIECE, "more_body": True})


@pytest.fixture
async def street(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    """A small application behind the bounded protocol, in a hurry."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 1.0)
    app = FastAPI()
    errors.install(app)

    @app.post("/")
    async def take(request: Request) -> Response:
        return Response(await web.body_within(request, 10, TooMuch(), seconds=0.2))

    @app.post("/unread")
    async def unread() -> Response:
        return Response("done")

    @app.get("/flood")
    async def flood() -> Response:
        return Flood(media_type="text/event-stream")

    @app.get("/file")
    async def file() -> Response:
        return Endless(endless())

    server = uvicorn.Server(uvicorn.Config(app, port=0, http=BoundedProtocol, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    await serving


async def test_an_answer_that_nobody_reads_to_its_end_is_cut_off(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To close waits for who reads no more for ever, and keeps what was said to them."""
    monkeypatch.setattr(wire, "CLOSE_SECONDS", 0.1)
    async with stalled(street, "/flood") as bare:
        await reset(bare)


async def test_a_download_that_nobody_reads_on_is_cut_off(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R7.2b: its source is let go of too."""
    monkeypatch.setattr(wire, "READ_SECONDS", 0.3)
    left.clear()

    async with stalled(street, "/file") as bare:
        await reset(bare)

    async with asyncio.timeout(20):
        while not left:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def stalled(street: Street, path: str) -> AsyncIterator[socket.socket]:
    """Who asks for something, and does not read it by itself."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024)
    bare.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(bare, street)
    await loop.sock_sendall(bare, f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    yield bare
    bare.close()


async def reset(bare: socket.socket) -> None:
    """Wait until the other side has hung up for good."""
    async with asyncio.timeout(20):
        while bare.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != CLOSED:
            await asyncio.sleep(0.02)


async def test_a_service_says_goodbye_before_it_hangs_up() -> None:
    """R8.2c"""
    app = FastAPI()
    server = web.Server(uvicorn.Config(app, port=0, log_config=None), app)
    said: list[int] = []

    async def farewell() -> None:
        said.append(len(server.server_state.connections))

    app.state.farewell = farewell
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    place = server.servers[0].sockets[0].getsockname()
    _, writer = await asyncio.open_connection(*place)
    while not server.server_state.connections:
        await asyncio.sleep(0.005)
    server.should_exit = True
    await serving
    writer.close()

    assert said == [1]


async def said(street: Street, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What the server says to these pieces until it hangs up, or no longer wants to hear."""
    reader, writer = await asyncio.open_connection(*street)
    reading = asyncio.create_task(all_of(reader))
    try:
        async with asyncio.timeout(3):
            for piece in pieces:
                if not reading.done():
                    writer.write(piece)
                    await asyncio.sleep(pause)
            return await reading
    finally:
        writer.close()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    heard = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65536):
            heard += piece
    return bytes(heard)


async def test_who_says_nothing_is_let_go_of(street: Street) -> None:
    assert await said(street) == b""


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET / HTTP/1.1\r\nHost: a\r\n"], 408),
        ([b"GET /" + b"a" * 40_000], 431),
        ([b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000], 431),
        ([b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 101 + b"\r\n"], 431),
        ([b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"], 431),
        ([b"\x16\x03\x01 no HTTP"], 400),
        ([b"GET /\r\n\r\n"], 400),
    ],
    ids=["half", "a long path", "long and half", "many headers", "long", "no HTTP", "HTTP 0.9"],
)
async def test_a_head_has_bounds(pieces: list[bytes], status: int, street: Street) -> None:
    answer = await said(street, *pieces)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1
    assert b"application/problem+json" in answer


async def test_drop_by_drop_is_too_slow(street: Street) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"

    answer = await said(street, head, *[b"x"] * 8, pause=0.05)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in answer


async def test_a_body_nobody_reads_does_not_keep_the_connection(street: Street) -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"

    answer = await said(street, head, *[b"x"] * 40, pause=0.05)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_second_request_has_its_own_time(street: Street) -> None:
    whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
    last = whole.replace(b"Host: a", b"Host: a\r\nConnection: close")

    answer = await said(street, whole, whole, last, pause=0.15)

    assert answer.count(b"HTTP/1.1 200 ") == 3
