"""The workers' tables in memory, under the real ledger: its statements by name, as PostgreSQL
answers them, and beside them what each call to a model came to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from agent_workers.models import attempts, ledger

from .fate import Fate
from .loop import Process

Step = tuple[UUID, str, str]
"""Journal, phase and part."""


@dataclass
class Call:
    """A row of `paid_call`."""

    journal: UUID
    phase: str
    part: str
    owner: UUID
    lease_until: float
    lost: int = 0
    reply: str | None = None


@dataclass
class Attempt:
    """A row of `attempt`, as far as anybody asks for it."""

    place: Step
    outcome: str
    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    counted_by: int | None = None


@dataclass
class Books:
    """What is kept of calls, and of the ends of journals."""

    calls: dict[str, Call] = field(default_factory=dict)
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    ended: dict[UUID, int] = field(default_factory=dict)
    begun: Counter[Step] = field(default_factory=Counter)
    """Calls that went out to a model."""
    cut: Counter[Step] = field(default_factory=Counter)
    """Of these, calls that ended in an error or were cancelled."""
    taken_over: Counter[Step] = field(default_factory=Counter)
    """Claims whose owner was gone, so that the call was perhaps paid."""
    owners: dict[UUID, Process] = field(default_factory=dict)
    robbed: list[Step] = field(default_factory=list)
    """Claims that were taken from owners who were always at work."""

    def claim(self, at: float, key: str, *about: Any) -> int | None:
        _, journal, phase, part, _, _, owner, seconds, since = about
        if self.ended.get(journal, 0) > since:
            return None
        call = self.calls.get(key)
        if call is None:
            self.calls[key] = Call(journal, phase, part, owner, at + seconds)
            return 0
        if call.reply is not None or call.lease_until >= at:
            return None
        if not self.owners[call.owner].was_stopped:
            self.robbed.append((journal, phase, part))
        call.owner, call.lease_until = owner, at + seconds
        call.lost += 1
        self.taken_over[journal, phase, part] += 1
        return call.lost

    def extend(self, at: float, key: str, owner: UUID, seconds: float) -> None:
        if (call := self.calls.get(key)) and call.owner == owner:
            call.lease_until = at + seconds

    def keep(self, at: float, *row: Any) -> None:
        *attempt, reply = row
        if (call := self.calls.get(attempt[1])) and call.reply is None:
            call.reply = reply
        self.record(at, *attempt)

    def record(self, at: float, *row: Any) -> None:
        number, _, _, journal, phase, part, _, _, _, _, outcome, _, into, out, _, cost, *_ = row
        made = Attempt((journal, phase, part), outcome, into, out, cost)
        self.attempts.setdefault(number, made)

    def release(self, at: float, key: str, owner: UUID) -> None:
        call = self.calls.get(key)
        if call and call.owner == owner and call.reply is None:
            del self.calls[key]

    def end(self, at: float, journal: UUID, n: int) -> None:
        self.ended[journal] = max(n, self.ended.get(journal, 0))

    def count(self, at: float, *step: Any) -> list[dict[str, Any]]:
        *place, attempt = step
        counted = [
            made
            for made in self.attempts.values()
            if made.place == tuple(place)
            and made.counted_by in (None, attempt)
            and (made.outcome == "answered" or made.tokens_in + made.tokens_out > 0)
        ]
        for made in counted:
            made.counted_by = attempt
        columns = ("tokens_in", "tokens_out", "cost")
        return [{name: getattr(made, name) for name in columns} for made in counted]

    def ended_at(self, at: float, journal: UUID) -> int | None:
        return self.ended.get(journal)

    def reply(self, at: float, key: str) -> str | None:
        call = self.calls.get(key)
        return call.reply if call else None


class LedgerPool:
    """In the place of the pool of connections that a ledger asks."""

    def __init__(self, fate: Fate, books: Books) -> None:
        self._fate = fate
        self._statements: dict[str, Callable[..., Any]] = {
            ledger.CLAIM: books.claim,
            ledger.EXTEND: books.extend,
            ledger.KEEP: books.keep,
            attempts.RECORD: books.record,
            ledger.RELEASE: books.release,
            ledger.END: books.end,
            attempts.COUNT: books.count,
            "select n from ended where journal_id = $1": books.ended_at,
            "select reply from paid_call where request_key = $1": books.reply,
        }

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        deed = self._statements[statement]
        loop = self._fate.loop
        return await self._fate.ask_store(deed.__name__, lambda: deed(loop.time(), *arguments))

    fetch = execute = fetchval
