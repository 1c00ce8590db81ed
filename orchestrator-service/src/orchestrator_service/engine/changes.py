"""What a batch does to one journal, before anything is written: pure.

`fold` takes a journal's row and what happened to it, in order, and gives the new row with all that
is to be written beside it. Each happening that has an effect is a transition: it raises the row's
version by one and is one entry of the history, with its cause and with what the world was told.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import TypeAdapter

from chassis.broker import Letter, letter_of
from chassis.ids import new_id
from journal_contracts.commands import RunPhase
from journal_contracts.events import DecisionClosed
from journal_contracts.message import PublicEvent, StepRef
from orchestrator_service.engine.causes import written
from orchestrator_service.happenings import Happening
from orchestrator_service.saga import advance
from orchestrator_service.state import Saga

SAGA = TypeAdapter(Saga)

Step = tuple[str, str, int]
"""Phase, part and attempt: which step of a journal."""

Look = Callable[[Saga], Happening | None]
"""Looks at the journal as it is and says what happens to it, if anything; may raise a refusal."""


@dataclass(frozen=True, slots=True)
class Row:
    """A journal as it lies in the database; `version` counts its transitions. 0: not there yet."""

    saga: Saga
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Turn:
    """One happening on its way into the database; `refusal` is what `look` raised."""

    journal_id: UUID
    look: Look
    actor: str
    new: Saga | None = None
    """What there is to begin with, where the journal is ordered only now."""
    refusal: Exception | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One transition: a line of the history."""

    seq: int
    cause: str
    actor: str
    input: str
    said: str


@dataclass(frozen=True, slots=True)
class Order:
    """A command with what the release scheduler asks of it."""

    step: Step
    letter: Letter
    pool: str
    cost: int


@dataclass(slots=True)
class Change:
    """Everything that one batch writes of one journal."""

    before: Row
    after: Row
    entries: list[Entry] = field(default_factory=list)
    events: list[Letter] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    decisions: list[DecisionClosed] = field(default_factory=list)
    closed: list[Step] = field(default_factory=list)

    @property
    def freed(self) -> list[str]:
        """The pools of the steps that are closed."""
        table = self.before.saga.definition
        return [table.phase(phase).pool for phase, _, _ in self.closed]

    @property
    def spent(self) -> tuple[Decimal, int]:
        """US dollars and tokens that were counted; a price that is not known counts as none."""
        before, after = self.before.saga.usage, self.after.saga.usage
        tokens = after.tokens_in + after.tokens_out - before.tokens_in - before.tokens_out
        if before.cost is None or after.cost is None:
            return Decimal(0), tokens
        return after.cost - before.cost, tokens

    @property
    def moves(self) -> bool:
        """Whether there is anything to write."""
        return self.after.version != self.before.version


def fold(row: Row, turns: Sequence[Turn], now: datetime) -> Change:
    """Let `turns` happen to a journal, one after the other."""
    change = Change(row, row)
    for turn in turns:
        turn.refusal = None
        try:
            message = turn.look(change.after.saga)
        except Exception as refusal:
            turn.refusal = refusal
            continue
        if message is not None:
            _happen(change, message, turn.actor, now)
    change.closed = list(_closed(row.saga, change.after.saga))
    change.orders = [order for order in change.orders if _is_open(order, change.after.saga)]
    return change


def _happen(change: Change, message: Happening, actor: str, now: datetime) -> None:
    before = change.after
    saga, said = advance(before.saga, message, now)
    if saga == before.saga:
        return
    seq = before.version + 1
    change.after = replace(before, saga=saga, version=seq, updated_at=now)
    told: list[str] = []
    for each in said:
        letter = letter_of(each, new_id(), str(saga.id), _pool(saga, each))
        if isinstance(each, PublicEvent):
            change.events.append(letter)
            told.append(f'{{"type":"{each.name}","body":{letter.body.decode()}}}')
            if isinstance(each, DecisionClosed):
                change.decisions.append(each)
        elif isinstance(each, StepRef):
            phase = saga.definition.phase(each.phase)
            step = (each.phase, each.part, each.attempt)
            change.orders.append(Order(step, letter, phase.pool, phase.weight))
    cause, input_ = written(message)
    change.entries.append(Entry(seq, cause, actor, input_, f"[{','.join(told)}]"))


def _open_in(saga: Saga, phase: str) -> Iterator[Step]:
    """The steps that are with a worker, or on their way there."""
    if not saga.is_over and phase in saga.phases:
        for name, part in saga.phases[phase].parts.items():
            if part.state == "open":
                yield phase, name, part.attempt


def _closed(before: Saga, after: Saga) -> Iterator[Step]:
    """The steps nobody waits for any more."""
    for phase, state in before.phases.items():
        if after.is_over or after.phases.get(phase) is not state:
            remaining = set(_open_in(after, phase))
            yield from (step for step in _open_in(before, phase) if step not in remaining)


def _is_open(order: Order, saga: Saga) -> bool:
    phase, name, attempt = order.step
    return (phase, name, attempt) in _open_in(saga, phase)


def _pool(saga: Saga, message: object) -> str | None:
    """Which of the owner's queues a command goes to; the shelf has only one."""
    if not isinstance(message, RunPhase):
        return None
    return saga.definition.phase(message.phase).pool
