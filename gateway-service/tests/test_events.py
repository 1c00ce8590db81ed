"""The socket's twin over plain HTTP, and tickets for both (R2.1a, R2.1d, R7.2b)."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from faststream.rabbit import RabbitBroker
from redis.asyncio import Redis

from chassis.broker import say
from chassis.ids import new_id
from gateway_service import feed as feeds
from gateway_service.connection import MOST_BYTES, STALLED, parted
from gateway_service.following import Times
from gateway_service.tickets import Tickets

from .conftest import Client

Happened = Callable[..., Any]


class Stream:
    """Events, one at a time: the last id, and the frame."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.last = ""

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "id":
                    self.last = value
                if field == "data":
                    frame: dict[str, Any] = json.loads(value)
                    return frame
        raise EOFError

    async def is_over(self) -> bool:
        with contextlib.suppress(EOFError):
            await self.next()
            return False
        return True


def without_time(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in frame.items() if name != "serverTime"}


@contextlib.asynccontextmanager
async def listening(client: Client, **how: Any) -> AsyncIterator[Stream]:
    async with client.http.stream("GET", "/v1/events", **how) as answer:
        yield Stream(answer)


async def test_says_what_the_socket_says_and_where_it_is(
    client: Client, journal: Any, happened: Happened, orchestrator: RabbitBroker
) -> None:
    client.owners.journals = [journal()]
    journal_id = new_id()
    async with listening(client) as stream, client.socket() as talk:
        frames = [await stream.next(), await stream.next()]
        spoken = [await talk.next(), await talk.next()]
        await say(orchestrator, happened(client.user_id, journal_id, 1))
        frames.append(await stream.next())
        spoken += await talk.events(1)
        last = stream.last

    assert stream.answer.headers["content-type"].startswith("text/event-stream")
    assert [frame["t"] for frame in frames] == ["welcome", "snapshot", "event"]
    assert [without_time(frame) for frame in frames] == [without_time(frame) for frame in spoken]
    assert last == f"{frames[0]['epoch']}:1"


async def test_who_comes_back_hears_just_what_was_missed(
    client: Client, happened: Happened, orchestrator: RabbitBroker
) -> None:
    journal_id = new_id()
    async with listening(client) as stream:
        await stream.next()
        await stream.next()
        place = stream.last
        for n in (1, 2, 3):
            await say(orchestrator, happened(client.user_id, journal_id, n))
            await stream.next()

    async with listening(client, headers={"Last-Event-ID": place}) as again:
        welcome = await again.next()
        missed = [await again.next() for _ in range(3)]

    assert welcome["mode"] == "recovered"
    assert [frame["n"] for frame in missed] == [1, 2, 3]
    assert again.last == stream.last


@pytest.mark.parametrize("how", [{}, {"ticket": "made up"}])
async def test_nobody_listens_without_saying_who_it_is(client: Client, how: Any) -> None:
    answer = await client.http.get("/v1/events", params=how, headers={"Authorization": ""})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_place_that_is_none_is_refused(client: Client) -> None:
    answer = await client.http.get("/v1/events", headers={"Last-Event-ID": "somewhere"})

    assert answer.status_code == 422


async def test_it_ends_with_the_token_and_says_so(client: Client) -> None:
    token = client.owners.token(client.user_id, 2)
    async with listening(client, headers={"Authorization": f"Bearer {token}"}) as stream:
        await stream.next()
        await stream.next()
        bye = await stream.next()

        assert (bye["t"], bye["code"], bye["reconnect"]) == ("bye", 4401, True)
        assert await stream.is_over()


async def test_the_sixth_is_one_too_many_whatever_it_is_connected_by(client: Client) -> None:
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(client)) for _ in range(3)]
        for stream in streams:
            assert (await stream.next())["t"] == "welcome"
        for _ in range(2):
            talk = await stack.enter_async_context(client.socket())
            assert (await talk.next())["t"] == "welcome"

        async with listening(client) as sixth:
            assert (await sixth.next())["code"] == 4409


async def test_who_goes_away_is_forgotten(client: Client) -> None:
    for _ in range(8):
        async with listening(client) as stream:
            assert (await stream.next())["t"] == "welcome"

        connections = client.sockets.sources.connections
        async with asyncio.timeout(5):
            while client.user_id in connections.users():
                await asyncio.sleep(0.01)


class RawStream:
    """A listener on a bare TCP connection, that reads when it is told to."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.last = ""

    async def frames(self, count: int | None = None) -> list[dict[str, Any]]:
        """So many, or all there are to the end; what was cut in its midst is none."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while count is None or len(found) < count:
                async with asyncio.timeout(20):
                    size = int(await self._reader.readuntil(b"\r\n"), 16)
                    chunk = await self._reader.readexactly(size + 2)
                for event in chunk.decode().strip().split("\n\n") if size else ():
                    lines = dict(line.split(": ", 1) for line in event.splitlines())
                    self.last = lines.get("id", self.last)
                    found.append(json.loads(lines["data"]))
        return found


@contextlib.asynccontextmanager
async def raw(client: Client) -> AsyncIterator[RawStream]:
    """What it does not read waits in our kernel and the gateway's, and there is little of both."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
    bare.setblocking(False)
    url = client.http.base_url
    await asyncio.get_running_loop().sock_connect(bare, (url.host, url.port))
    reader, writer = await asyncio.open_connection(sock=bare, limit=16 * 1024)
    token = f"Authorization: Bearer {client.token}"
    writer.write(f"GET /v1/events HTTP/1.1\r\nHost: {url.host}\r\n{token}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    yield RawStream(reader)
    writer.transport.abort()


async def test_who_stops_reading_is_cut_and_goes_on_where_it_stopped(
    client: Client, happened: Happened, orchestrator: RabbitBroker
) -> None:
    """What waits for it is bounded, the others go on, and nothing is lost (R2.1c, R2.1d)."""
    client.be(times=Times(send=4.0))
    manager, journal_id, count = client.sockets.sources.connections, new_id(), 120
    cut = parted.labels(STALLED.code)
    before = cut._value.get()

    async with raw(client) as stalled, client.socket() as healthy:
        first = await stalled.frames(2)
        listening_on = asyncio.create_task(healthy.events(count))
        for n in range(1, count + 1):
            event = happened(client.user_id, journal_id, n)
            await say(orchestrator, event.model_copy(update={"phase": "x" * 12_000}))
        heard = await listening_on
        async with asyncio.timeout(20):
            while cut._value.get() == before:
                assert manager.room.held <= 2 * MOST_BYTES
                await asyncio.sleep(0.05)
        left = await stalled.frames()

    async with listening(client, headers={"Last-Event-ID": stalled.last}) as again:
        welcome = await again.next()
        told = [frame for frame in left if frame["t"] == "event"]
        missed = [await again.next() for _ in range(count - len(told))]

    assert [frame["t"] for frame in first] == ["welcome", "snapshot"]
    assert [frame["n"] for frame in heard] == list(range(1, count + 1))
    assert welcome["mode"] == "recovered"
    assert len(missed) > 20
    assert [frame["n"] for frame in (*told, *missed)] == list(range(1, count + 1))


async def a_ticket(client: Client) -> str:
    given = await client.http.post("/v1/rt/ticket")
    assert given.status_code == 201
    ticket: str = given.json()["ticket"]
    return ticket


async def test_a_ticket_opens_either_once(client: Client) -> None:
    ticket = await a_ticket(client)
    async with client.socket({"token": "", "ticket": ticket}) as talk:
        assert (await talk.next())["user"] == str(client.user_id)

    async with client.socket({"token": "", "ticket": ticket}) as talk:
        assert (await talk.next())["code"] == 4401
    used = await client.http.get("/v1/events", params={"ticket": ticket})
    assert used.status_code == 401

    fresh = {"ticket": await a_ticket(client)}
    async with listening(client, params=fresh, headers={"Authorization": ""}) as stream:
        assert (await stream.next())["user"] == str(client.user_id)


async def test_of_a_hundred_that_show_one_ticket_one_gets_in(
    client: Client, redis_url: str
) -> None:
    ticket, redis = await a_ticket(client), feeds.connect(redis_url)
    tickets = Tickets(redis)

    ends = await asyncio.gather(*(tickets.take(ticket) for _ in range(100)), return_exceptions=True)

    await redis.aclose()
    assert [end for end in ends if isinstance(end, str)] == [client.token]


async def test_redis_knows_neither_ticket_nor_token_and_forgets(
    client: Client, redis_url: str
) -> None:
    ticket = await a_ticket(client)
    redis: Redis = feeds.connect(redis_url)

    kept = {key: await redis.get(key) async for key in redis.scan_iter("ticket:*")}
    times = [await redis.ttl(key) for key in kept]
    await redis.aclose()

    assert kept
    assert all(0 < seconds <= 30 for seconds in times)
    for row in kept.items():
        assert ticket.encode() not in b"".join(row)
        assert client.token.encode() not in b"".join(row)


async def test_without_redis_there_are_no_tickets(client_without_redis: Client) -> None:
    answer = await client_without_redis.http.post("/v1/rt/ticket")

    assert (answer.status_code, answer.json()["code"]) == (503, "tickets_away")


async def test_a_heartbeat_is_heard(client: Client) -> None:
    sources = replace(client.sockets.sources, times=Times(heartbeat=0.05))
    client.app.state.sockets = replace(client.sockets, sources=sources)

    async with listening(client) as stream:
        frames = [(await stream.next())["t"] for _ in range(3)]

    assert frames == ["welcome", "snapshot", "ping"]
