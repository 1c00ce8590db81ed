"""The tables in memory are those of PostgreSQL: the same is asked of both, in any order (R3.2c)."""

import json
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest import mock
from uuid import UUID

import pytest

from chassis.broker import Letter, letter_of
from chassis.database import Pool, open_pool
from chassis.ids import new_id
from chassis.testing import template_of
from journal_contracts.decisions import Choice
from journal_contracts.events import CraftDeleted, StepFailed, StepFinished
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service import answers
from orchestrator_service.engine.changes import Change, Row, Turn, fold
from orchestrator_service.engine.postgres import PostgresStore
from orchestrator_service.engine.transitions import DATA_ERRORS
from orchestrator_service.happenings import (
    Answered,
    Begin,
    Cancel,
    DeadlinePassed,
    Happening,
    Migrate,
    Pause,
    Resume,
    Retry,
)
from orchestrator_service.plan import DEFINITIONS
from orchestrator_service.state import Request, Saga

from .itinerary import SHORT
from .rows import Rows

OPERATIONS: Final = 25
POOLS: Final = ("writing", "binding", "shelf")
USERS: Final = [UUID(int=n) for n in (1, 2, 3)]
TABLES: Final = (
    "journal",
    "history",
    "decision",
    "outbox",
    "share",
    "pool",
    "definition",
    "replica",
)
OLD, NEW = (1,), (1, 2)
"""Versions of the table that a replica knows."""


@dataclass
class Both:
    """A database and its likeness, and what somebody who asks them has read."""

    pool: Pool
    random: random.Random
    rows: Rows = field(default_factory=Rows)
    read: list[Row] = field(default_factory=list)
    """Rows as they were at some time: also such as are out of date."""
    asked: list[str] = field(default_factory=list)

    @property
    def store(self) -> PostgresStore:
        return PostgresStore(self.pool, NEW)

    async def commit(self) -> None:
        changes = {
            c.after.saga.id: c for _ in range(self.random.randint(1, 4)) if (c := self.change())
        }
        orders = [order.letter.id for c in changes.values() for order in c.orders]
        waits = {each for each in orders if self.random.random() < 0.6}
        at = await self.store.now()
        mine = _outcome(lambda: self.rows.commit([*changes.values()], waits, at))
        theirs = await _outcome_of(self.store.commit([*changes.values()], waits))
        assert mine == theirs
        if isinstance(mine, set):
            self.read += [c.after for journal, c in changes.items() if journal in mine]

    def change(self) -> Change | None:
        """Something happens to a journal, as it is or as it was."""
        at = datetime.now().astimezone() + timedelta(minutes=self.random.randint(-30, 30))
        if not self.read or self.random.random() < 0.25:
            early = at - timedelta(seconds=1)
            row = Row(Saga(new_id(), self.random.choice(USERS), self.order(), 1), 0, early, early)
            if self.read and self.random.random() < 0.2:
                row = replace(row, saga=replace(row.saga, id=self.read[-1].saga.id))
            message: Happening | None = Begin(row.saga.request)
        else:
            newest = self.random.random() < 0.8
            row = self.newest() if newest else self.random.choice(self.read)
            message = self.message(row.saga, at)
        change = fold(row, [Turn(row.saga.id, lambda saga: message, "test")], at)
        return change if change.moves else None

    def newest(self) -> Row:
        rows = {row.saga.id: row for row in self.read}
        return self.random.choice([*rows.values()])

    def order(self) -> Request:
        plan, priority = self.random.choice([*PlanName]), self.random.choice((0, 0, 1))
        style, depth = TitleStyle.INSPIRATIONAL, Depth.LIGHT
        return Request("both", plan, style, depth, priority=priority)

    def message(self, saga: Saga, at: datetime) -> Happening | None:
        """What can happen to it, as often as not an answer to an open step."""
        step = next(_open_steps(saga), None)
        asked = answers.open_questions(saga)
        if step and self.random.random() < 0.6:
            wrong = {"poison": "\x00"} if self.random.random() < 0.1 else {}
            titles = [{"text": f"Title {n}", "subtitle": ""} for n in range(10)]
            facts = {"titles": titles, "already": [], "again": [], **wrong}
            return StepFinished(**step, facts=facts)
        if asked and self.random.random() < 0.6:
            return Answered(asked[0].id, Choice(option=asked[0].default))
        happenings: list[Happening] = [
            Cancel(),
            Pause(at + timedelta(minutes=self.random.randint(-5, 5))),
            Resume(),
            DeadlinePassed(),
            Retry() if saga.is_over and saga.status != "completed" else Resume(),
            Migrate(2) if saga.version == 1 else Resume(),
        ]
        if step:
            failed = {"kind": "infrastructure", "code": "no_luck", "detail": ""}
            happenings.append(StepFailed(**step, **failed))
        return self.random.choice(happenings)

    async def load(self) -> None:
        ids = (
            {row.saga.id: None for row in self.random.choices(self.read, k=3)} if self.read else {}
        )
        ids[new_id()] = None
        for versions in (OLD, NEW):
            theirs = await PostgresStore(self.pool, versions).load([*ids])
            assert self.rows.load([*ids], versions) == theirs
        self.read += [row for row in theirs.values() if row]

    async def due(self) -> None:
        versions, limit = self.random.choice((OLD, NEW)), 100
        theirs = await PostgresStore(self.pool, versions).due(limit)
        mine = self.rows.due(limit, versions, theirs.now)
        assert _waiting(mine.journals) == _waiting(theirs.journals)
        assert (mine.next_in is None) == (theirs.next_in is None)
        assert mine.next_in == pytest.approx(theirs.next_in, abs=0.01)

    async def settle(self) -> None:
        arrived = [each for each in self.rows.outbox if self.random.random() < 0.4]
        self.rows.settle(arrived)
        await self.store.settle(arrived)

    async def sweep(self) -> None:
        at = await self.store.now()
        theirs = await self.store.sweep(512)
        assert _by_id(self.rows.sweep(512, at)) == _by_id(theirs)

    async def release(self) -> None:
        pool, limit = self.random.choice(POOLS), self.random.choice((1, 2, 24))
        window = self.random.randint(0, 6)
        theirs = await self.store.release(pool, window, limit)
        mine = self.rows.release(pool, window, limit, await self.store.now())
        assert _by_id(mine) == _by_id(theirs)

    async def view(self) -> None:
        theirs = await self.store.view()
        mine = self.rows.view(await self.store.now())
        assert +mine.in_flight == +theirs.in_flight
        assert +mine.of_user == +theirs.of_user
        assert +mine.waiting == +theirs.waiting
        assert abs(mine.oldest - theirs.oldest) < timedelta(seconds=2)

    async def place(self) -> None:
        for journal in {row.saga.id: None for row in self.read}:
            assert self.rows.place(journal) == await self.store.place(journal)

    async def house(self) -> None:
        replica = UUID(int=self.random.randint(1, 4))
        versions = self.random.choice((OLD, NEW))
        theirs = await PostgresStore(self.pool, versions).house(replica)
        assert self.rows.house(replica, max(versions), await self.store.now()) == theirs

    async def outdated(self) -> None:
        assert {*self.rows.outdated(2, 100)} == {*await self.store.outdated(2, 100)}

    async def forget(self) -> None:
        if not self.read:
            return
        row = self.random.choice(self.read)
        about = {"journal_id": row.saga.id, "user_id": row.saga.user_id, "percent": 0}
        gone = CraftDeleted(**about, n=row.saga.n + 1, at=row.updated_at)
        letter = letter_of(gone, new_id(), str(row.saga.id))
        mine = self.rows.forget(row, letter, await self.store.now())
        assert mine == await self.store.forget(row, letter)

    async def time(self) -> None:
        """All that was held is held for less."""
        by = timedelta(seconds=self.random.choice((1, 3, 6)))
        await self.pool.execute("update outbox set held_until = held_until - $1::interval", by)
        await self.pool.execute("update replica set seen_at = seen_at - $1::interval", by)
        for line in self.rows.outbox.values():
            line.held_until -= by
        self.rows.replicas = {id_: seen - by for id_, seen in self.rows.replicas.items()}

    async def everything(self) -> None:
        """What lies in the tables now."""
        lines = {
            id_: (n.journal, n.state, *(n.step or (None,) * 3), n.vtime)
            for id_, n in self.rows.outbox.items()
        }
        query = "select id, journal_id, state, phase, part, attempt, vtime from outbox"
        assert lines == {row[0]: tuple(row)[1:] for row in await self.pool.fetch(query)}
        told = [
            (journal, t.seq, t.cause, t.actor, json.loads(t.input), json.loads(t.said), t.at)
            for journal, history in self.rows.history.items()
            for t in history
        ]
        query = "select journal_id, seq, cause, actor, input, said, at from history"
        theirs = [
            (*row[:4], json.loads(row[4]), json.loads(row[5]), row[6])
            for row in await self.pool.fetch(query)
        ]
        assert sorted(told, key=_first_two) == sorted(theirs, key=_first_two)
        made = {(*key, d.by) for key, d in self.rows.decisions.items()}
        query = "select journal_id, question, rev, chosen_by from decision"
        assert made == {tuple(row) for row in await self.pool.fetch(query)}


def _open_steps(saga: Saga) -> Iterator[dict[str, Any]]:
    for phase, state in saga.phases.items():
        for part, row in state.parts.items():
            if row.state == "open" and not saga.is_over:
                about = {"journal_id": saga.id, "user_id": saga.user_id}
                yield {**about, "phase": phase, "part": part, "attempt": row.attempt}


def _outcome(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except DATA_ERRORS:
        return "refused"


async def _outcome_of(deed: Awaitable[Any]) -> Any:
    try:
        return await deed
    except DATA_ERRORS:
        return "refused"


def _waiting(due: Any) -> Any:
    return {j: {step: at is None for step, at in sent.items()} for j, sent in due.items()}


def _by_id(letters: list[Letter]) -> list[Letter]:
    return sorted(letters, key=lambda letter: letter.id)


def _first_two(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


ASKED: Final[dict[str, int]] = {
    "commit": 12,
    "load": 3,
    "due": 2,
    "settle": 2,
    "sweep": 2,
    "release": 4,
    "view": 1,
    "place": 2,
    "house": 1,
    "outdated": 1,
    "forget": 1,
    "time": 2,
}
"""How often, in proportion."""


template = template_of("orchestrator_service")


@pytest.fixture
async def pool(database_url: str) -> Any:
    async with open_pool(database_url) as pool:
        yield pool


async def play(pool: Pool, seeds: range) -> None:
    """Ask both, sequence after sequence."""
    with mock.patch.dict(DEFINITIONS, {1: SHORT, 2: replace(SHORT, version=2)}):
        for seed in seeds:
            await pool.execute(f"truncate {', '.join(TABLES)} cascade")
            both = Both(pool, random.Random(seed))
            try:
                for what in both.random.choices([*ASKED], [*ASKED.values()], k=OPERATIONS):
                    both.asked.append(what)
                    await getattr(both, what)()
                await both.everything()
            except Exception as error:
                raise AssertionError(f"seed={seed}, after {both.asked}") from error


async def test_memory_and_postgres_answer_alike_whatever_they_are_asked(pool: Pool) -> None:
    await play(pool, range(60))


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, 1000, 250))
async def test_they_answer_alike_a_thousand_times(pool: Pool, first: int) -> None:
    await play(pool, range(first, first + 250))
