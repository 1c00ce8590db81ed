"""The orchestrator's tables in memory: what PostgreSQL does with the engine's SQL, as seen.

Each method is one statement: it happens at once, wholly or not at all, at the time it is given.
`test_rows.py` holds it against the real thing.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from chassis.broker import Letter
from journal_contracts.decisions import Choice
from orchestrator_service.engine.changes import SAGA, Change, Row
from orchestrator_service.engine.committing import encoded
from orchestrator_service.engine.postgres import HELD
from orchestrator_service.engine.releasing import View
from orchestrator_service.engine.store import Due, House
from orchestrator_service.views import status_of

ALIVE: Final = timedelta(seconds=5)
NOBODY: Final = UUID(int=0)
NUL: Final = "\\u0000"
"""In a JSON text: what PostgreSQL cannot keep."""


@dataclass(slots=True)
class Line:
    """A letter in the outbox; of a command also its step, and what it is released by."""

    letter: Letter
    journal: UUID
    state: str
    held_until: datetime
    step: tuple[str, str, int] | None = None
    pool: str = ""
    user: UUID = NOBODY
    priority: int = 0
    cost: int = 0
    vtime: int = 0

    @property
    def rank(self) -> tuple[int, int, UUID]:
        """Lower goes first."""
        return -self.priority, self.vtime, self.letter.id


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the history."""

    seq: int
    cause: str
    actor: str
    input: Any
    said: Any
    at: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """An answer that counts."""

    choice: Choice
    by: str
    at: datetime


@dataclass
class Rows:
    """All tables."""

    journals: dict[UUID, Row] = field(default_factory=dict)
    history: dict[UUID, list[Told]] = field(default_factory=dict)
    decisions: dict[tuple[UUID, str, int], Decided] = field(default_factory=dict)
    outbox: dict[UUID, Line] = field(default_factory=dict)
    definitions: set[int] = field(default_factory=set)
    _pools: dict[str, int] = field(default_factory=dict)
    _shares: dict[tuple[str, UUID], int] = field(default_factory=dict)
    replicas: dict[UUID, datetime] = field(default_factory=dict)
    _read: dict[UUID, tuple[Row, Row]] = field(default_factory=dict)

    def load(self, ids: Collection[UUID], versions: Collection[int]) -> dict[UUID, Row | None]:
        found = [self.journals[journal] for journal in ids if journal in self.journals]
        return {
            row.saga.id: self._as_read(row) if row.saga.version in versions else None
            for row in found
        }

    def commit(self, changes: Sequence[Change], waits: Collection[UUID], at: datetime) -> set[UUID]:
        won = {c.after.saga.id for c in changes if self._is_as_read(c)}
        moves = [change for change in changes if change.after.saga.id in won]
        for change in moves:
            self._check(change)
        for change in moves:
            self._write(change, waits, at)
        self._queue([self.outbox[each] for each in sorted(waits) if each in self.outbox])
        return won

    def forget(self, row: Row, letter: Letter, at: datetime) -> bool:
        journal = row.saga.id
        if journal not in self.journals or self.journals[journal].version != row.version:
            return False
        del self.journals[journal], self.history[journal]
        self.decisions = {key: d for key, d in self.decisions.items() if key[0] != journal}
        for line in [line for line in self._commands() if line.journal == journal]:
            del self.outbox[line.letter.id]
        self.outbox[letter.id] = Line(letter, journal, "leaving", at + HELD)
        return True

    def due(self, limit: int, versions: Collection[int], at: datetime) -> Due:
        dues = {
            journal: row.saga.due
            for journal, row in self.journals.items()
            if row.saga.due and row.saga.version in versions
        }
        late = sorted((due, journal) for journal, due in dues.items() if due and due <= at)
        following = min((due for due in dues.values() if due), default=None)
        return Due(
            {journal: self._sent(journal) for _, journal in late[:limit]},
            None if following is None else (following - at).total_seconds(),
            at,
        )

    def settle(self, arrived: Sequence[UUID]) -> None:
        for each in arrived:
            line = self.outbox.get(each)
            if line is not None and line.step is None:
                del self.outbox[each]
            elif line is not None and line.state == "leaving":
                line.state = "out"

    def sweep(self, limit: int, at: datetime) -> list[Letter]:
        left = [n for n in self.outbox.values() if n.state == "leaving" and n.held_until < at]
        swept = sorted(left, key=lambda line: line.held_until)[:limit]
        for line in swept:
            line.held_until = at + HELD
        return [line.letter for line in swept]

    def release(self, pool: str, window: int, user_limit: int, at: datetime) -> list[Letter]:
        held = Counter(n.user for n in self._commands() if n.pool == pool and n.state != "waiting")
        room = window - held.total()
        chosen: list[Line] = []
        for line in sorted(self._waiting(pool), key=lambda line: line.rank)[:1000]:
            held[line.user] += 1
            if held[line.user] <= user_limit and len(chosen) < room:
                chosen.append(line)
        for line in chosen:
            line.state, line.held_until = "leaving", at + HELD
            self._pools[pool] = max(self._pools.get(pool, line.vtime), line.vtime)
        return [line.letter for line in chosen]

    def view(self, at: datetime) -> View:
        seen = View()
        for line in self._commands():
            if line.state == "waiting":
                seen.waiting[line.pool] += 1
                seen.oldest = max(seen.oldest, at - line.held_until + HELD)
            else:
                seen.in_flight[line.pool] += 1
                seen.of_user[line.pool, line.user] += 1
        return seen

    def place(self, journal: UUID) -> tuple[str, int] | None:
        mine = [line for line in self._commands() if line.journal == journal]
        if not mine or any(line.state != "waiting" for line in mine):
            return None
        first = min(mine, key=lambda line: line.rank)
        ahead = (n for n in self._commands() if n.pool == first.pool and n.state == "waiting")
        return first.pool, sum(line.rank < first.rank for line in ahead)

    def house(self, replica: UUID, newest: int, at: datetime) -> House:
        self.replicas[replica] = at
        self.definitions = self.definitions or {newest}
        alive = sum(at - seen < ALIVE for seen in self.replicas.values())
        return House(max(self.definitions), alive)

    def outdated(self, version: int, limit: int) -> list[UUID]:
        return [j for j, row in self.journals.items() if row.saga.version < version][:limit]

    # --- how ------------------------------------------------------------------------------------

    def _is_as_read(self, change: Change) -> bool:
        row = self.journals.get(change.after.saga.id)
        return change.before.version == (row.version if row else 0)

    def _check(self, change: Change) -> None:
        """What PostgreSQL would refuse; then nothing is written at all."""
        journal = change.after.saga.id
        if any(NUL in entry.input for entry in change.entries):
            raise asyncpg.UntranslatableCharacterError("unsupported Unicode escape sequence")
        made = [(journal, d.decision_id, d.rev) for d in change.decisions]
        if len({*made}) < len(made) or any(key in self.decisions for key in made):
            raise asyncpg.UniqueViolationError("decision_pkey")
        there = {line.step for line in self._commands() if line.journal == journal}
        if not there.isdisjoint(order.step for order in change.orders):
            raise asyncpg.UniqueViolationError("outbox_step")

    def _write(self, change: Change, waits: Collection[UUID], at: datetime) -> None:
        saga, journal, row = change.after.saga, change.after.saga.id, change.after
        born = replace(row, updated_at=row.created_at)
        self.journals[journal] = row if change.before.version else born
        self.history.setdefault(journal, []).extend(
            Told(e.seq, e.cause, e.actor, e.input, e.said, change.after.updated_at)
            for e in change.entries
        )
        for d in change.decisions:
            key = journal, d.decision_id, d.rev
            self.decisions[key] = Decided(d.choice, d.chosen_by, d.at)
        closed = {step: None for step in change.closed}
        for line in [n for n in self._commands() if n.journal == journal and n.step in closed]:
            del self.outbox[line.letter.id]
        for letter in change.events:
            self.outbox[letter.id] = Line(letter, journal, "leaving", at + HELD)
        for order in change.orders:
            self.outbox[order.letter.id] = Line(
                order.letter,
                journal,
                "waiting" if order.letter.id in waits else "leaving",
                at + HELD,
                order.step,
                order.pool,
                saga.user_id,
                saga.request.priority,
                order.cost,
            )

    def _queue(self, lines: Sequence[Line]) -> None:
        """Each user's share of a pool grows by what is added, from where the pool is at least."""
        costs: dict[tuple[str, UUID], int] = {}
        for line in lines:
            share = line.pool, line.user
            costs[share] = costs.get(share, 0) + line.cost
        for (pool, user), cost in costs.items():
            start = self._pools.get(pool, 0)
            vtime = max(self._shares.get((pool, user), start), start) + cost
            self._shares[pool, user] = vtime
            for line in [n for n in lines if (n.pool, n.user) == (pool, user)][::-1]:
                line.vtime, vtime = vtime, vtime - line.cost

    def _as_read(self, row: Row) -> Row:
        """As it comes out of `jsonb`, which does not keep the order of keys."""
        written, as_read = self._read.get(row.saga.id, (None, row))
        if written is not row:
            document = json.dumps(json.loads(encoded(row.saga)), sort_keys=True)
            as_read = replace(row, saga=SAGA.validate_json(document))
            self._read[row.saga.id] = row, as_read
        return as_read

    def _commands(self) -> Iterator[Line]:
        return (line for line in self.outbox.values() if line.step is not None)

    def _waiting(self, pool: str) -> Iterator[Line]:
        """Commands that may leave: those of journals that stand still may not."""
        for line in self._commands():
            row = self.journals.get(line.journal)
            is_running = row is not None and status_of(row.saga) == "running"
            if line.pool == pool and line.state == "waiting" and is_running:
                yield line

    def _sent(self, journal: UUID) -> Mapping[str, datetime | None]:
        mine = (line for line in self._commands() if line.journal == journal)
        return {
            "/".join(map(str, line.step or ())): (
                None if line.state == "waiting" else line.held_until - HELD
            )
            for line in mine
        }
