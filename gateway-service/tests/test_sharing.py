"""Journals of others at the door: their events, their files, their state (R2.1d, R5.2b)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from faststream.rabbit import RabbitBroker
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.broker import connect, hear_on_every_replica, open_broker, say
from chassis.broker.topology import bucket_of
from chassis.ids import new_id
from gateway_service.connection import Connection
from gateway_service.connections import ConnectionManager
from gateway_service.feed import Feed
from journal_contracts import events
from journal_contracts.api import JournalView
from journal_contracts.catalogue import WORKERS
from journal_contracts.events import TextWanted
from journal_contracts.message import PublicEvent
from journal_contracts.realtime import Read

AT = datetime(2026, 1, 1, tzinfo=UTC)
OWNER, JOURNAL = new_id(), new_id()
FILES = f"/v1/journals/{JOURNAL}/artifacts"


def event(
    kind: type[PublicEvent], journal: UUID, n: int, also: Sequence[UUID] = (), **more: Any
) -> PublicEvent:
    """The n-th of an owner's journal, told to these too."""
    about = {"journal_id": journal, "user_id": OWNER, "n": n, "at": AT, "percent": n}
    return kind.model_validate({**about, "also": tuple(also), **more})


def course_of(journal: UUID, member: UUID) -> list[PublicEvent]:
    """Shared with the third event, no longer with the sixth."""
    until = {"until": AT}
    return [
        event(events.CraftPaused, journal, 1, **until),
        event(events.CraftResumed, journal, 2),
        event(events.CraftShared, journal, 3, [member], member=member, role="viewer"),
        event(events.CraftPaused, journal, 4, [member], **until),
        event(events.CraftResumed, journal, 5, [member]),
        event(events.CraftUnshared, journal, 6, [member], member=member),
        event(events.CraftPaused, journal, 7, **until),
    ]


@pytest.mark.parametrize("order", [(2, 3, 4, 5), (3, 2, 5, 4), (5, 4, 3, 2)])
async def test_a_member_hears_a_journal_from_their_coming_to_their_going_in_order(
    order: Sequence[int], client: Any, orchestrator: RabbitBroker
) -> None:
    journal = new_id()
    course = course_of(journal, client.user_id)

    async with client.socket() as talk:
        await talk.next()
        await talk.next()
        for place in (0, 1, *order, 6):
            await say(orchestrator, course[place])
        seen = await talk.events(4)

    assert [(each["o"], each["n"]) for each in seen] == [(1, 3), (2, 4), (3, 5), (4, 6)]
    assert not any("also" in each["data"] for each in seen)


async def test_the_owner_hears_all_of_it_and_the_same(
    client: Any, orchestrator: RabbitBroker, feed: Feed
) -> None:
    journal = new_id()
    owners_before = (await feed.position(OWNER)).top
    for each in course_of(journal, client.user_id):
        await say(orchestrator, each)

    async with asyncio.timeout(20):
        while (at := await feed.position(OWNER)).top < owners_before + 7:
            await asyncio.sleep(0.02)

    assert (await feed.position(client.user_id)).top == 4
    assert at.top == owners_before + 7


async def test_whose_feed_was_lost_hears_on_from_where_a_journal_began_for_them(
    client: Any, orchestrator: RabbitBroker, feed: Feed
) -> None:
    """Redis was emptied between the fourth event and the fifth."""
    journal = new_id()
    course = course_of(journal, client.user_id)
    told = [{"type": each.name, "body": each.model_dump(mode="json")} for each in course]

    async def answer(request: Request) -> Response:
        first = int(request.query_params["first"])
        return JSONResponse({"items": told[first - 1 : 4]})

    client.owners.histories[f"/v1/journals/{journal}/told"] = answer
    await say(orchestrator, course[4])

    async with asyncio.timeout(20):
        while (await feed.position(client.user_id)).top < 3:
            await asyncio.sleep(0.02)
    entries = await feed.after(client.user_id, 0, 3)

    assert entries is not None
    assert [b'"n":3' in entries[0].frame, b'"n":5' in entries[2].frame] == [True, True]


@pytest.mark.parametrize("file", ["", "/journal.pdf"])
async def test_files_of_a_shared_journal_are_asked_for_in_its_owners_name(
    client: Any, file: str
) -> None:
    path = f"{FILES}{file}"

    async def answer(request: Request) -> Response:
        if request.url.path.endswith("/access"):
            return JSONResponse({"owner": str(OWNER), "role": "viewer"})
        whose = request.headers.get("x-jcc-owner")
        return JSONResponse({"items": []}, 200 if whose == str(OWNER) else 404)

    client.owners.answering = answer

    answers = [
        await client.http.get(path),
        await client.http.get(path, headers={"X-JCC-Owner": str(new_id())}),
    ]

    assert [each.status_code for each in answers] == [200, 200]
    asked = [request.headers.get("x-jcc-owner") for request, _ in client.owners.asked]
    assert asked == [None, None, str(OWNER)] * 2


@pytest.mark.parametrize("access", [(404, {}), (200, {"owner": str(OWNER), "role": "owner"})])
async def test_files_that_are_not_there_are_not_there_for_others_either(
    client: Any, access: tuple[int, dict[str, str]]
) -> None:
    async def answer(request: Request) -> Response:
        status, told = access if request.url.path.endswith("/access") else (404, {})
        return JSONResponse(told, status)

    client.owners.answering = answer

    assert (await client.http.get(FILES)).status_code == 404
    assert len(client.owners.asked) == 2


async def test_a_state_says_what_its_reader_may_and_is_gone_with_their_share(
    client: Any, feed: Feed, orchestrator: RabbitBroker, journal: Callable[..., JournalView]
) -> None:
    shared = journal().model_copy(update={"role": "editor", "n": 5})
    client.owners.journals = [shared]
    path = f"/v1/journals/{shared.id}/state"
    first = (await client.http.get(path)).json()

    client.owners.journals = []
    member = client.user_id
    await say(
        orchestrator,
        event(events.CraftShared, shared.id, 5, [member], member=member, role="editor"),
    )
    await say(orchestrator, event(events.CraftUnshared, shared.id, 6, [member], member=member))
    async with asyncio.timeout(20):
        while (await feed.position(member)).top < 2:
            await asyncio.sleep(0.02)

    assert (first["role"], first["can"]) == ("editor", ["pause"])
    assert (await client.http.get(path)).status_code == 404


# --- what passes of them --------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def watching(client: Any, amqp_url: str, journal: UUID) -> AsyncIterator[tuple[Any, UUID]]:
    """A socket that reads along with a journal of another, and in whose name workers are asked."""
    wanted = asyncio.Queue[TextWanted]()
    workers = connect(WORKERS, amqp_url)
    hear_on_every_replica(workers, WORKERS, TextWanted, wanted.put)
    async with open_broker(workers), client.socket() as talk:
        await talk.next()
        await talk.next()
        await talk.say({"t": "read", "journal": str(journal)})
        async with asyncio.timeout(20):
            while (asked := await wanted.get()).journal_id != journal:
                pass
        yield talk, asked.user_id


async def pass_by(orchestrator: RabbitBroker, owner: UUID, journal: UUID, count: int) -> None:
    """What a worker tells of a step of a journal; `count` says which time it is."""
    step = {"user_id": owner, "journal_id": journal, "phase": "curation", "part": "day-3"}
    live = {"routing_key": f"u.{bucket_of(owner)}"}
    progress = {**step, "agent": "curator", "doing": "writing", "tokens": count}
    await say(orchestrator, events.ProgressReported.model_validate(progress), **live)
    text = {**step, "agent": "curator", "pos": 10 * count, "text": f"words {count}"}
    await say(orchestrator, events.TextWritten.model_validate(text), **live)


def as_member(owner: UUID, role: str = "viewer", status: int = 200) -> Any:
    """An orchestrator that says who shares a journal with whoever asks."""

    async def answer(request: Request) -> Response:
        if request.url.path.endswith("/access"):
            return JSONResponse({"owner": str(owner), "role": role}, status)
        return JSONResponse({"items": []})

    return answer


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_a_member_who_reads_along_sees_what_passes_until_it_is_shared_no_more(
    role: str, client: Any, orchestrator: RabbitBroker, amqp_url: str
) -> None:
    """R2.1b, R5.2b: text and progress as its owner sees them, and nothing once they may not."""
    owner, journal = new_id(), new_id()
    client.owners.answering = as_member(owner, role)
    left = event(events.CraftUnshared, journal, 2, [client.user_id], member=client.user_id)
    shared = event(
        events.CraftShared, journal, 1, [client.user_id], member=client.user_id, role=role
    )

    async with watching(client, amqp_url, journal) as (talk, asked_for):
        await pass_by(orchestrator, owner, journal, 1)
        passed = await talk.events(2)
        for told in (shared, left):
            await say(orchestrator, told.model_copy(update={"user_id": owner}))
        durable = await talk.events(2)
        await pass_by(orchestrator, owner, journal, 2)
        await say(orchestrator, event(events.CraftPaused, new_id(), 1, [client.user_id], until=AT))
        after = await talk.events(1)

    assert asked_for == owner
    assert {each["cls"] for each in passed} == {"latest", "token"}
    assert {each["data"].get("text") for each in passed} == {None, "words 1"}
    assert [each["type"] for each in durable] == [shared.name, left.name]
    assert [each["cls"] for each in after] == ["durable"]


@pytest.mark.parametrize("status", [404, 403, 503])
async def test_who_may_not_see_a_journal_sees_nothing_pass(
    status: int, client: Any, orchestrator: RabbitBroker, amqp_url: str
) -> None:
    """Nor where nobody can say whether they may; and the workers are asked in their own name."""
    owner, journal = new_id(), new_id()
    client.owners.answering = as_member(owner, status=status)

    async with watching(client, amqp_url, journal) as (talk, asked_for):
        await pass_by(orchestrator, owner, journal, 1)
        await say(orchestrator, event(events.CraftPaused, new_id(), 1, [client.user_id], until=AT))
        seen = await talk.events(1)

    assert asked_for == client.user_id
    assert [each["cls"] for each in seen] == ["durable"]


async def test_who_closes_a_journal_of_another_is_let_go_of() -> None:
    everybody, member = ConnectionManager(), Connection(new_id())
    owner, journal = new_id(), new_id()
    member.begin("e", 0)
    everybody.add(member)
    member.reading.turn(Read(journal=journal))
    everybody.watch(member, journal, owner)
    everybody.deliver_newest(owner, journal, f"{journal}/step", b"seen")
    everybody.deliver_newest(new_id(), journal, f"{journal}/step", b"in another's name")
    heard, seen = everybody.heard(), member.take()

    member.reading.turn(Read(journal=journal, on=False))
    everybody.watch(member, journal, owner)  # its right was asked for before it was closed
    everybody.deliver_newest(owner, journal, f"{journal}/step", b"unseen")

    assert (heard, seen) == ({member.user_id, owner}, [b"seen"])
    assert (everybody.heard(), member.take()) == ({member.user_id}, [])
