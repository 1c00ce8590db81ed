"""The stamper: what is missing is fetched, and while Redis is away events wait."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from faststream.rabbit import RabbitBroker
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.broker import say
from chassis.ids import new_id
from gateway_service import feed as feeds
from gateway_service.feed import Entry, Feed
from gateway_service.history import History
from gateway_service.live import Hop
from gateway_service.owners import Owner
from gateway_service.stamper import Stamper
from journal_contracts.events import PhaseStarted

Happened = Callable[[UUID, UUID, int], PhaseStarted]
PATIENCE = 0.05


@dataclass
class Kept:
    """The orchestrator, as far as a stamper asks it: what it told, and who wanted to know."""

    told: list[PhaseStarted] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    status: int = 200
    most: int = 500

    async def __call__(self, request: Request) -> Response:
        first, last = (int(request.query_params[name]) for name in ("first", "last"))
        self.asked.append((first, last))
        self.requests.append(request)
        found = [event for event in self.told if first <= event.n <= last][: self.most]
        items = [{"type": e.name, "body": e.model_dump(mode="json")} for e in found]
        return JSONResponse({"items": items}, self.status)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def stampers(
    kept: Kept, feed: Feed, orchestrator: RabbitBroker
) -> AsyncIterator[Sequence[Stamper]]:
    """Two of them, each as it would be in a gateway of its own."""
    async with orchestrated(kept) as client:
        history = History(Owner("orchestrator", client))
        yield [
            Stamper(
                orchestrator, feed, history, Hop(orchestrator), gap_patience=PATIENCE, again=(0.01,)
            )
            for _ in range(2)
        ]


@contextlib.asynccontextmanager
async def orchestrated(kept: Kept) -> AsyncIterator[httpx.AsyncClient]:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        response = await kept(Request(scope, receive))
        await response(scope, receive, send)

    transport = httpx.ASGITransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://orchestrator") as client:
        yield client


async def test_a_gap_is_filled_from_what_the_orchestrator_keeps(
    client: Any, orchestrator: RabbitBroker, happened: Happened
) -> None:
    """R2.1d, with a gateway as it runs: no client is sent away, and each event comes once."""
    crafted = new_id()
    events = [happened(client.user_id, crafted, n) for n in range(1, 6)]
    kept = Kept(events)

    client.owners.histories[f"/v1/journals/{crafted}/told"] = kept
    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        for event in (events[0], events[4]):
            await say(orchestrator, event)
        seen = await talk.events(5)

    assert [(event["o"], event["n"]) for event in seen] == [(n, n) for n in range(1, 6)]
    assert seen[2]["data"] == events[2].model_dump(mode="json", exclude={"also"})
    assert kept.asked == [(2, 4)]
    (asked,) = kept.requests
    assert asked.headers["service-authorization"].startswith("Bearer ")
    assert "authorization" not in asked.headers


async def test_stampers_that_miss_the_same_fill_it_once_and_in_order(
    stampers: Sequence[Stamper], kept: Kept, feed: Feed, happened: Happened
) -> None:
    user, crafted = new_id(), new_id()
    events = kept.told = [happened(user, crafted, n) for n in range(1, 21)]
    kept.most = 5

    came = [(stamper, events[n - 1]) for n in (20, 1, 11, 20) for stamper in stampers]
    await asyncio.gather(*(stamper.stamp(event) for stamper, event in came))

    assert await ns_of(feed, user) == list(range(1, 21))


async def test_what_comes_while_it_is_waited_for_is_not_asked_for(
    stampers: Sequence[Stamper], kept: Kept, feed: Feed, happened: Happened
) -> None:
    user, crafted = new_id(), new_id()
    early, late = happened(user, crafted, 2), happened(user, crafted, 1)

    await asyncio.gather(stampers[0].stamp(early), stampers[1].stamp(late))

    assert await ns_of(feed, user) == [1, 2]
    assert kept.asked == []


@pytest.mark.parametrize(("status", "known"), [(503, [1, 2]), (200, []), (200, [2])])
async def test_what_nobody_can_give_begins_an_honest_new_epoch(
    stampers: Sequence[Stamper],
    kept: Kept,
    feed: Feed,
    happened: Happened,
    status: int,
    known: list[int],
) -> None:
    user, crafted = new_id(), new_id()
    before = await feed.position(user)
    kept.status, kept.told = status, [happened(user, crafted, n) for n in known]

    await stampers[0].stamp(happened(user, crafted, 3))

    assert (await feed.position(user)).epoch != before.epoch
    assert (await ns_of(feed, user))[-1] == 3


async def test_a_feed_that_lost_everything_has_what_was_told_again(
    stampers: Sequence[Stamper], kept: Kept, feed: Feed, happened: Happened, redis_url: str
) -> None:
    user, crafted = new_id(), new_id()
    kept.told = [happened(user, crafted, n) for n in range(1, 10)]
    for event in kept.told[:8]:
        await stampers[0].stamp(event)
    redis = feeds.connect(redis_url)
    await redis.flushdb()
    await redis.aclose()

    await stampers[1].stamp(kept.told[8])

    assert await ns_of(feed, user) == list(range(1, 10))
    assert kept.asked == [(1, 8)]


async def test_while_redis_is_away_an_event_waits_and_is_not_lost(
    kept: Kept,
    feed: Feed,
    orchestrator: RabbitBroker,
    happened: Happened,
    redis_url: str,
    unused_tcp_port: int,
) -> None:
    user = new_id()
    through = redis_url.replace(f":{urlsplit(redis_url).port}", f":{unused_tcp_port}")
    redis = feeds.connect(through)
    async with orchestrated(kept) as client:
        history = History(Owner("orchestrator", client))
        stamper = Stamper(orchestrator, Feed(redis), history, Hop(orchestrator))
        stamping = asyncio.create_task(stamper.stamp(happened(user, new_id(), 1)))
        done, _ = await asyncio.wait([stamping], timeout=0.2)
        assert not done

        async with passed_through(unused_tcp_port, redis_url):
            await asyncio.wait_for(stamping, 10)
            await redis.aclose()

    assert await ns_of(feed, user) == [1]


@contextlib.asynccontextmanager
async def passed_through(port: int, url: str) -> AsyncIterator[None]:
    """Redis, at another port."""
    there = urlsplit(url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came, goes = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(carry(reader, goes), carry(came, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        yield


async def ns_of(feed: Feed, user: UUID) -> list[int]:
    """The `n` of each event in a user's feed."""
    at = await feed.position(user)
    entries: tuple[Entry, ...] | None = await feed.after(user, 0, at.top)
    assert entries is not None
    return [json.loads(entry.frame)["n"] for entry in entries]
