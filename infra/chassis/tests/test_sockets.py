"""Sockets: read and framed right, little is kept, and nobody holds one for ever (R2.1a, R2.1c)."""

import asyncio
import contextlib
import socket
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
import websockets
from websockets.frames import Frame, Opcode

from chassis import sockets
from chassis.handshakes import SocketProtocol, socket_of
from chassis.sockets import framed

PATIENCE = 20.0
LARGE = 200_000


class Marker:
    """Whatever a handshake drags along."""


async def application(scope: Any, receive: Any, send: Any) -> None:
    """What it does is in the path."""
    assert (await receive())["type"] == "websocket.connect"
    match scope["path"]:
        case "/closed":
            await send({"type": "websocket.close"})
        case "/refused":
            start = {"status": 418, "headers": [(b"x-why", b"tea")]}
            await send({"type": "websocket.http.response.start", **start})
            await send({"type": "websocket.http.response.body", "body": b"short"})
        case "/broken":
            raise RuntimeError("broken")
        case "/stout":
            await send({"type": "websocket.accept", "subprotocol": "chat"})
            await stout(socket_of(scope))
        case "/on":
            marker = scope["state"]["marker"] = Marker()
            kept = weakref.ref(marker)
            wire = socket_of(scope)
            await send({"type": "websocket.accept", "subprotocol": "chat"})

            async def talk() -> None:
                await wire.hear()
                await wire.say(framed(b"kept" if kept() else b"gone"))

            wire.goes_on(talk)
        case _:
            await send({"type": "websocket.accept"})
            while (told := await receive())["type"] == "websocket.receive":
                await send({**told, "type": "websocket.send"})
                if told.get("text") == "bye":
                    await send({"type": "websocket.close", "code": 4000, "reason": "as asked"})


async def stout(wire: SocketProtocol) -> None:
    """Says so much that it has to wait for its reader, and parts with it unread."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            while True:
                await wire.say(framed(b"x" * 50_000))
    wire.close(4000)


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.1)
    config = uvicorn.Config(
        application,
        port=0,
        ws=SocketProtocol,
        ws_max_size=LARGE,
        ws_ping_interval=0.2,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"ws://{host}:{port}"
    server.should_exit = True
    await serving
    assert not server.server_state.connections
    assert not server.server_state.tasks


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("kind", [Opcode.TEXT, Opcode.BINARY])
def test_frames_are_those_of_the_library(size: int, kind: Opcode) -> None:
    payload = b"x" * size

    assert framed(payload, kind) == Frame(kind, payload).serialize(mask=False)


@pytest.mark.parametrize("message", ["", "hä", b"\x00\xff", "x" * 70_000])
async def test_an_application_hears_and_says_as_anywhere(url: str, message: str | bytes) -> None:
    async with websockets.connect(url) as talk:
        await talk.send(message)
        assert await talk.recv() == message
        await talk.send([b"", b"pi", b"", b"ece", b"s", b""])
        assert await talk.recv() == b"pieces"
        await talk.send("bye")
        assert await talk.recv() == "bye"
        await talk.wait_closed()

    assert (talk.close_code, talk.close_reason) == (4000, "as asked")


async def test_what_is_said_before_it_is_heard_waits_in_order(url: str) -> None:
    async with websockets.connect(url) as talk:
        for number in range(500):
            await talk.send(str(number))
        async with asyncio.timeout(PATIENCE):
            assert [await talk.recv() for _ in range(500)] == [str(n) for n in range(500)]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/closed", 403, b""), ("/refused", 418, b"short"), ("/broken", 500, b"")],
)
async def test_a_handshake_may_be_refused(url: str, path: str, status: int, body: bytes) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(url + path):
            pass

    response = refused.value.response
    assert (response.status_code, response.body) == (status, body)
    assert response.headers.get("x-why") == ("tea" if status == 418 else None)


async def test_who_goes_on_keeps_nothing_of_the_handshake(url: str) -> None:
    async with websockets.connect(url + "/on", subprotocols=["chat"]) as talk:  # type: ignore[list-item]
        await talk.send("and?")

        assert await talk.recv() == "gone"


async def test_what_is_no_message_ends_it(url: str) -> None:
    for piece, code in ((b"\xff", 1007), (b"x" * (LARGE + 1), 1009)):
        async with websockets.connect(url) as talk:
            await talk.send(piece, text=True)
            await talk.wait_closed()

        assert talk.close_code == code


async def test_who_answers_no_ping_is_hung_up_on(url: str) -> None:
    async with websockets.connect(url, ping_interval=None) as talk:
        await asyncio.sleep(0.5)  # two pings, answered by the client itself
        await talk.send("there")
        assert await talk.recv() == "there"
        talk.transport.pause_reading()
        async with asyncio.timeout(PATIENCE):
            while _state(talk) == 1:
                await asyncio.sleep(0.02)
        talk.transport.abort()


async def test_who_does_not_read_is_waited_for_and_then_cut_off(url: str) -> None:
    async with websockets.connect(
        url + "/stout",
        subprotocols=["chat"],
        max_queue=1,
        ping_interval=None,  # type: ignore[list-item]
    ) as talk:
        talk.transport.pause_reading()
        async with asyncio.timeout(PATIENCE):
            while _state(talk) == 1:
                await asyncio.sleep(0.02)
        talk.transport.abort()


def _state(talk: websockets.ClientConnection) -> int:
    """As the kernel knows it: 1 is TCP_ESTABLISHED."""
    there: socket.socket = talk.transport.get_extra_info("socket")
    return there.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
