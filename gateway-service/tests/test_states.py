"""A record a journal: read from Redis, moved on by events, rebuilt when lost (R3.1b, R3.1d)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.ids import new_id
from gateway_service import states
from gateway_service.feed import Feed
from gateway_service.progress import moved, state_of
from gateway_service.stamper import durable_frame
from journal_contracts import events
from journal_contracts.api import JobState, JournalView
from journal_contracts.decisions import Choice, DecisionView
from journal_contracts.message import PublicEvent

from .conftest import Client

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = DecisionView(
    id="title", rev=1, question="Which?", options=(), default="t1", deadline=NOW
)  # fmt: skip
Happen = Callable[..., Awaitable[None]]


@pytest.fixture
def mine(journal: Callable[..., JournalView], client: Client) -> JournalView:
    """The client's own; the orchestrator knows it as of event 2."""
    client.owners.journals = [journal()]
    return client.owners.journals[0]


@pytest.fixture
def happen(feed: Feed, client: Client, mine: JournalView) -> Happen:
    """Events get into the user's feed, as the stamper puts them there."""

    async def happen(*told: tuple[type[PublicEvent], dict[str, Any]], first: int = 3) -> None:
        for n in range(1, first):
            await feed.append(client.user_id, mine.id, n, _frame(mine, client, n))
        for n, (kind, fields) in enumerate(told, first):
            event = _event(kind, mine.id, client.user_id, n, **fields)
            await feed.append(client.user_id, mine.id, n, _told(event))

    return happen


def _event(kind: type[PublicEvent], journal: UUID, user: UUID, n: int, **more: Any) -> PublicEvent:
    about = {"journal_id": journal, "user_id": user, "n": n, "at": NOW, "percent": n}
    return kind.model_validate({**about, **more})


def _frame(mine: JournalView, client: Client, n: int) -> bytes:
    started = {"phase": "research", "agent": "research", "parts": 1}
    return _told(_event(events.PhaseStarted, mine.id, client.user_id, n, **started))


def _told(event: PublicEvent) -> bytes:
    return durable_frame(event.name, event.model_dump(mode="json"))


async def state(client: Client, mine: JournalView) -> JobState:
    answer = await client.http.get(f"/v1/journals/{mine.id}/state")
    assert answer.status_code == 200, answer.text
    return JobState.model_validate_json(answer.content)


async def test_events_move_the_record_and_nobody_else_is_asked(
    client: Client, mine: JournalView, happen: Happen
) -> None:
    first = await state(client, mine)
    await happen(
        (events.PhaseStarted, {"phase": "discovery", "agent": "discovery", "parts": 2}),
        (events.PhaseAdvanced, {"phase": "discovery", "agent": "discovery", "part": "a", "done": 1,
                                "parts": 2}),
    )  # fmt: skip
    at_work = await state(client, mine)

    assert (first.status, first.n, first.at_work) == ("running", 2, ())
    assert (at_work.n, at_work.percent) == (4, 4)
    assert [(work.agent, work.done, work.parts) for work in at_work.at_work] == [
        ("discovery", 1, 2)
    ]
    assert len(client.owners.asked) == 1


async def test_what_the_orchestrator_told_already_is_not_told_again(
    client: Client, mine: JournalView, happen: Happen
) -> None:
    """The record begins before the feed is at event 2: those two are in it."""
    await state(client, mine)
    await happen(first=3)

    assert (await state(client, mine)).at_work == ()


async def test_a_lost_record_is_asked_of_the_orchestrator(
    client: Client, mine: JournalView, feed: Feed
) -> None:
    await state(client, mine)
    await feed._redis.flushdb()

    assert (await state(client, mine)).n == mine.n
    assert len(client.owners.asked) == 2


async def test_the_orchestrator_away_the_record_answers_alone(
    client: Client, mine: JournalView, happen: Happen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R9.1c"""
    monkeypatch.setattr(states, "FRESH", timedelta(0))
    await state(client, mine)

    async def away(request: Any) -> Any:
        raise ConnectionError

    client.owners.answering = away
    await happen((events.DecisionRequested, {"decision": ASKED.model_dump(mode="json")}))
    known = await state(client, mine)
    unknown = await client.http.get(f"/v1/journals/{new_id()}/state")

    assert (known.status, known.n) == ("waiting", 3)
    assert [asked.id for asked in known.open_decisions] == ["title"]
    assert "answer" in known.can
    assert (unknown.status_code, unknown.json()["code"]) == (503, "orchestrator_unavailable")
    assert unknown.headers["retry-after"]


async def test_redis_away_memory_answers(
    client_without_redis: Client, journal: Callable[..., JournalView]
) -> None:
    client = client_without_redis
    client.owners.journals = [made := journal()]
    first, again = await state(client, made), await state(client, made)

    assert first.n == again.n
    assert len(client.owners.asked) == 1


async def test_somebody_elses_is_nobodys(client: Client, mine: JournalView) -> None:
    await state(client, mine)
    client.owners.journals = []
    headers = {"Authorization": f"Bearer {client.owners.token(new_id())}"}
    answer = await client.http.get(f"/v1/journals/{mine.id}/state", headers=headers)

    assert answer.status_code == 404


async def test_a_deleted_journal_is_gone_at_once(
    client: Client, mine: JournalView, happen: Happen
) -> None:
    await state(client, mine)
    client.owners.journals = []
    await happen((events.CraftDeleted, {}))

    answer = await client.http.get(f"/v1/journals/{mine.id}/state")

    assert answer.status_code == 404


async def test_many_who_ask_at_once_get_one_state(
    client: Client, mine: JournalView, happen: Happen
) -> None:
    await state(client, mine)
    await happen((events.CraftPaused, {"until": NOW}))

    told = await asyncio.gather(*(state(client, mine) for _ in range(20)))

    assert {(each.n, each.status, "resume" in each.can) for each in told} == {(3, "waiting", True)}


@pytest.mark.parametrize(
    ("happened", "status", "can"),
    [
        ([(events.CraftCancelled, {})], "cancelled", "retry"),
        ([(events.CraftCompleted, {"title": "Calm"})], "completed", "download"),
        ([(events.CraftFailed, {"code": "given_up", "detail": "Enough."})], "failed", "retry"),
        ([(events.CraftFailed, {"code": "x", "detail": "y"}), (events.CraftRetried, {})],
         "running", "pause"),
        ([(events.CraftPaused, {"until": NOW})], "waiting", "resume"),
        ([(events.CraftPaused, {"until": NOW}), (events.CraftResumed, {})], "running", "pause"),
        ([(events.DecisionRequested, {"decision": ASKED})], "waiting", "answer"),
        ([(events.DecisionRequested, {"decision": ASKED}),
          (events.DecisionExtended, {"decision_id": "title", "rev": 1,
                                     "deadline": NOW + timedelta(1)})], "waiting", "answer"),
        ([(events.DecisionRequested, {"decision": ASKED}),
          (events.DecisionClosed, {"decision_id": "title", "rev": 1, "chosen_by": "user",
                                   "choice": Choice(option="t1")})], "running", "cancel"),
        ([(events.PhaseFailed, {"phase": "p", "agent": "a", "part": "", "attempt": 3, "code": "c",
                                "detail": "d", "retrying": False})], "running", "cancel"),
    ],
)  # fmt: skip
def test_each_event_moves_a_state_to_what_its_user_can_do(
    happened: list[Any], status: str, can: str, mine: JournalView
) -> None:
    told: JobState | None = state_of(mine, NOW)
    for n, (kind, fields) in enumerate(happened, mine.n + 1):
        assert told is not None
        event = _event(kind, mine.id, new_id(), n, **fields)
        told = moved(told, event)
        assert told == (told and moved(told, event))

    assert told is not None
    assert (told.status, told.n) == (status, mine.n + len(happened))
    assert can in told.can
