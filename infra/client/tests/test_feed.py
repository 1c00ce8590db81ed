"""The live feed, against a gateway that misbehaves."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from journal_client.feed import Feed, FeedClosed, jitter
from journal_contracts.realtime import Happened, Snapshot

Scene = Callable[[ServerConnection], Awaitable[None]]
USER = "00000000-0000-0000-0000-000000000002"
NOON = "2030-01-01T12:00:00Z"


class Gateway:
    """Plays one scene a connection, the last one again and again; keeps the hellos it heard."""

    def __init__(self, *scenes: Scene) -> None:
        self._scenes = list(scenes)
        self.hellos: list[dict[str, Any]] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Gateway"]:
        async with serve(self._play, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _play(self, socket: ServerConnection) -> None:
        self.hellos.append(json.loads(await socket.recv()))
        scene = self._scenes.pop(0) if len(self._scenes) > 1 else self._scenes[0]
        with contextlib.suppress(Exception):
            await scene(socket)


def says(*frames: Any, then: int | None = None) -> Scene:
    """Send these, then close with a code, or stay silent."""

    async def scene(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(json.dumps(frame))
        if then is not None:
            await socket.close(then)
        await socket.wait_closed()

    return scene


def welcome(mode: str = "snapshot", o: int = 0) -> dict[str, Any]:
    return {"t": "welcome", "mode": mode, "epoch": "e", "o": o, "user": USER, "serverTime": NOON}


def snapshot(o: int) -> dict[str, Any]:
    return {"t": "snapshot", "epoch": "e", "o": o, "journals": []}


def event(o: int) -> dict[str, Any]:
    return {
        "t": "event",
        "cls": "durable",
        "type": "x",
        "id": str(o),
        "at": NOON,
        "o": o,
        "data": {},
    }


LATEST = {"t": "event", "cls": "latest", "type": "y", "id": "l", "at": NOON, "data": {}}


async def token(*, fresh: bool = False) -> str:
    return "fresh" if fresh else "token"


async def hear(gateway: Gateway, count: int) -> list[int]:
    """The offsets of the first snapshots and durable events."""
    heard: list[int] = []
    async with asyncio.timeout(5), gateway.open():
        feed = Feed(gateway.url, token, pause=lambda _: 0.01).listen()
        async with contextlib.aclosing(feed):
            async for frame in feed:
                match frame:
                    case Snapshot(o=o) | Happened(cls="durable", o=int(o)):
                        heard.append(o)
                if len(heard) == count:
                    return heard
    raise AssertionError("the feed ended")


async def test_hears_a_snapshot_and_then_every_event() -> None:
    gateway = Gateway(says(welcome(), snapshot(4), [event(5), LATEST, event(6)], event(7)))

    assert await hear(gateway, 4) == [4, 5, 6, 7]


async def test_comes_back_to_where_it_stopped() -> None:
    gateway = Gateway(
        says(welcome(), snapshot(4), event(5), then=1012),
        says(welcome("recovered", 7), event(6), event(7)),
    )

    assert await hear(gateway, 4) == [4, 5, 6, 7]
    assert [hello["resume"] for hello in gateway.hellos] == [None, {"epoch": "e", "o": 5}]


async def test_drops_what_it_has_already() -> None:
    gateway = Gateway(
        says(welcome(), snapshot(4), event(3), event(5), event(5), event(4), event(6))
    )

    assert await hear(gateway, 3) == [4, 5, 6]


async def test_says_hello_again_when_an_event_is_missing() -> None:
    gateway = Gateway(
        says(welcome(), snapshot(4), event(5), event(7)),
        says(welcome("recovered", 7), event(6), event(7)),
    )

    assert await hear(gateway, 4) == [4, 5, 6, 7]
    assert gateway.hellos[1]["resume"] == {"epoch": "e", "o": 5}


async def test_says_hello_again_when_a_ping_tells_of_a_lost_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("journal_client.place.BEHIND", 0.05)
    gateway = Gateway(
        says(welcome(), snapshot(4), {"t": "ping", "o": 5}),
        says(welcome("recovered", 5), event(5)),
    )

    assert await hear(gateway, 2) == [4, 5]


async def test_starts_over_from_a_snapshot_of_a_new_epoch() -> None:
    gateway = Gateway(
        says(welcome(), snapshot(40), then=1001),
        says(welcome(), {**snapshot(2), "epoch": "f"}, event(3), then=1001),
        says(welcome("recovered"), event(4)),
    )

    assert await hear(gateway, 4) == [40, 2, 3, 4]
    assert gateway.hellos[2]["resume"] == {"epoch": "f", "o": 3}


async def test_brings_a_new_token_when_the_old_one_is_spent() -> None:
    gateway = Gateway(says(then=4401), says(welcome(), snapshot(1)))

    await hear(gateway, 1)

    assert [hello["token"] for hello in gateway.hellos] == ["token", "fresh"]


@pytest.mark.parametrize(
    "scene",
    [
        says(then=4403),
        says({"t": "bye", "code": 4406, "reconnect": True, "afterMs": 0}),
        says({"t": "bye", "code": 1008, "reconnect": False}),
    ],
)
async def test_does_not_come_back_where_it_is_not_wanted(scene: Scene) -> None:
    gateway = Gateway(scene)

    with pytest.raises(FeedClosed):
        await hear(gateway, 1)

    assert len(gateway.hellos) == 1


async def test_outlives_a_gateway_that_is_away_for_a_while() -> None:
    async with Gateway(says(welcome(), snapshot(1), then=1001)).open() as gateway:
        pass
    attempts: list[int] = []

    def pause(attempt: int) -> float:
        attempts.append(attempt)
        if attempt == 4:
            raise StopIteration
        return 0.0

    with pytest.raises(RuntimeError):
        async for _ in Feed(gateway.url, token, pause=pause).listen():
            pass

    assert attempts == [0, 1, 2, 3, 4]


def test_pauses_are_jittered_between_their_bounds() -> None:
    assert all(0.3 <= jitter(attempt) <= 20 for attempt in range(50))
    assert all(jitter(0) <= 0.6 for _ in range(50))
