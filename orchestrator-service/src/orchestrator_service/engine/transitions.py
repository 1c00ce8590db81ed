"""The one way a journal moves: many at a time, in one statement and one commit.

Whoever has something happen waits in `happen`; meanwhile the happenings of all journals gather, and
a batch takes them together: read the rows (or remember them), fold, write what has changed where
the row is still as it was read. Who lost that race to another replica reads again and folds again.
What goes wrong with one journal's data is found by halving the batch, so it fails alone.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from chassis import failpoints
from chassis.errors import NotFound, ServiceError
from orchestrator_service.engine.changes import Change, Look, Row, Turn, fold
from orchestrator_service.engine.sending import Sender
from orchestrator_service.engine.store import Store
from orchestrator_service.happenings import Begin, Happening
from orchestrator_service.state import Request, Saga

log = structlog.get_logger()

MOST_JOURNALS: Final = 256
"""In one batch."""
BATCHES: Final = 3
"""Under way at once, at most."""
HURRY: Final = 0.1
"""Seconds until what waits no longer waits for the batch under way; until then it gathers, since
one large commit costs a fraction of many small ones."""
REMEMBERED: Final = 5_000
"""Rows kept in memory; a row that is out of date loses its race and is read."""
DATA_ERRORS: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    ValueError,
    TypeError,
    LookupError,
)
"""What is wrong with a journal and not with the database: the others are committed without it."""

without_effect = Counter("saga_without_effect", "Late or double messages, recognised")
raced = Counter("saga_raced", "Transitions folded again because another replica was first")
batch_journals = Histogram(
    "saga_batch_journals", "Journals in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)


AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What reading meets when the database is not there, or not itself."""


class StoreAway(ServiceError):
    """The database did not answer; whether the transition was committed is not known."""

    status = 503


class OtherVersion(ServiceError):
    """Only a replica with newer code, or with older, can move this journal."""

    status = 503


@dataclass(slots=True)
class Waiting:
    """A turn, and who waits for it."""

    turn: Turn
    done: asyncio.Future[Row]


class Clock:
    """The database's clock as this process knows it: never ahead of it, whatever its own says."""

    def __init__(self) -> None:
        self._base: tuple[datetime, float] | None = None

    def set(self, at: datetime) -> None:
        """The database said `at`, a moment ago."""
        self._base = (at, time.monotonic())

    def now(self) -> datetime:
        """The time at the database, late by what the answer took to arrive."""
        assert self._base is not None  # noqa: S101 - set when the engine starts
        at, heard = self._base
        return at + timedelta(seconds=time.monotonic() - heard)


class Transitions:
    """Moves journals; every replica has one, and all of them do everything."""

    def __init__(self, store: Store, sender: Sender) -> None:
        self._store = store
        self._sender = sender
        self._queues: OrderedDict[UUID, deque[Waiting]] = OrderedDict()
        self._busy: set[UUID] = set()
        """Journals in a batch under way: what else happens to them waits for the next."""
        self._batches: set[asyncio.Task[None]] = set()
        self._singly: set[UUID] = set()
        """Journals of which one turn cannot be written: the others are not to share its fate."""
        self._rows: OrderedDict[UUID, Row] = OrderedDict()
        self.clock = Clock()
        self.version = 0
        """Of the table that new journals begin with; set while the engine runs."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take turns while the block runs, and bring those under way to their end."""
        self.clock.set(await self._store.now())
        try:
            yield
        finally:
            await asyncio.gather(*self._batches, return_exceptions=True)

    async def begin(self, journal_id: UUID, user_id: UUID, request: Request) -> Row:
        """Order a journal; if there is one of this id already, that is it."""
        new = Saga(journal_id, user_id, request, self.version)
        begin = Begin(request, self.version)
        return await self.decide(journal_id, lambda saga: begin, "user", new)

    async def happen(self, journal_id: UUID, message: Happening, actor: str) -> Row:
        """Something happened to a journal; returns its row, durably so. Raises `NotFound`."""
        return await self.decide(journal_id, lambda saga: message, actor)

    async def decide(
        self, journal_id: UUID, look: Look, actor: str, new: Saga | None = None
    ) -> Row:
        """Let `look` say what happens, on the state it happens to; it may be asked more than once.

        What `look` raises is raised here, once it is sure that it saw the truth.
        """
        done: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        waiting = Waiting(Turn(journal_id, look, actor, new), done)
        self._queues.setdefault(journal_id, deque()).append(waiting)
        self._start_soon()
        return await done

    async def row(self, journal_id: UUID) -> Row | None:
        """A journal as it is now, without anything happening to it. Raises `StoreAway`."""
        try:
            return (await self._store.load([journal_id])).get(journal_id)
        except AWAY as error:
            raise StoreAway("The journal's state cannot be read at the moment.") from error

    def forget(self, journal_id: UUID) -> None:
        """The row was changed by other means."""
        self._rows.pop(journal_id, None)

    def _start_soon(self) -> None:
        """At the end of this turn of the loop, so that what arrives together goes together."""
        if not self._batches:
            self._start()

    def _start(self) -> None:
        task = asyncio.create_task(self._batch())
        self._batches.add(task)
        hurry = asyncio.get_running_loop().call_later(HURRY, self._start_beside)
        task.add_done_callback(lambda done: hurry.cancel())
        task.add_done_callback(self._batch_done)

    def _start_beside(self) -> None:
        """The batch under way takes long; whoever has nothing to do with it need not wait."""
        if len(self._batches) < BATCHES and self._is_anything_free():
            self._start()

    def _batch_done(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("batch_failed", exc_info=error)
        if self._is_anything_free():
            self._start_soon()

    def _is_anything_free(self) -> bool:
        return any(journal not in self._busy for journal in self._queues)

    async def _batch(self) -> None:
        await asyncio.sleep(0)
        taken = self._take()
        if not taken:
            return
        batch_journals.observe(len(taken))
        journals = tuple(taken)
        try:
            await self._settle(taken)
        except Exception as error:
            log.warning("batch_lost", journals=len(taken), exc_info=error)
            away = StoreAway("The journal's state cannot be written at the moment.")
            for journal_id, waiting in taken.items():
                self._rows.pop(journal_id, None)
                _fail(waiting, away)
        finally:
            self._busy.difference_update(journals)

    def _take(self) -> dict[UUID, list[Waiting]]:
        """All that waits for up to 256 journals nobody is busy with, the longest waiting first."""
        taken: dict[UUID, list[Waiting]] = {}
        for journal_id in list(self._queues):
            if len(taken) == MOST_JOURNALS:
                break
            if journal_id not in self._busy:
                queue = self._queues.pop(journal_id)
                alive = [waiting for waiting in queue if not waiting.done.done()]
                if journal_id in self._singly:
                    alive = self._one_of(journal_id, alive)
                if alive:
                    taken[journal_id] = alive
        self._busy.update(taken)
        return taken

    def _one_of(self, journal_id: UUID, waiting: list[Waiting]) -> list[Waiting]:
        """The first; the others wait until it has been its turn alone."""
        if len(waiting) > 1:
            self._queues[journal_id] = deque(waiting[1:])
        else:
            self._singly.discard(journal_id)
        return waiting[:1]

    def _part(self, journal_id: UUID, waiting: list[Waiting], error: Exception) -> None:
        """One of these turns cannot be written: find out which, or tell the only one."""
        self._rows.pop(journal_id, None)
        if len(waiting) == 1:
            log.error("turn_refused", journal_id=str(journal_id), exc_info=error)
            _fail(waiting, error)
            return
        self._singly.add(journal_id)
        self._queues[journal_id] = deque((*waiting, *self._queues.get(journal_id, ())))

    async def _settle(self, taken: dict[UUID, list[Waiting]]) -> None:
        """Fold and write until nobody has to look again."""
        while taken:
            rows, fresh = await self._read(taken)
            changes = {}
            for journal_id, waiting in list(taken.items()):
                if (row := rows.get(journal_id)) is None:
                    _fail(waiting, _absent(journal_id in rows))
                    del taken[journal_id]
                    continue
                try:
                    turns = [each.turn for each in waiting]
                    changes[journal_id] = fold(row, turns, self.clock.now())
                except DATA_ERRORS as error:
                    if row.version and journal_id not in fresh:
                        self._rows.pop(journal_id)  # out of date, perhaps: read it and see
                    else:
                        self._part(journal_id, taken.pop(journal_id), error)
            moving = [change for change in changes.values() if change.moves]
            won, failed = await self._write(moving) if moving else (set(), {})
            for journal_id, change in changes.items():
                if journal_id in failed:
                    self._part(journal_id, taken.pop(journal_id), failed[journal_id])
                elif journal_id in won or (not change.moves and journal_id in fresh):
                    self._remember(change.after)
                    _tell(taken.pop(journal_id), change.after)
                    if not change.moves:
                        without_effect.inc()
                else:
                    raced.inc()
                    self._rows.pop(journal_id, None)
                    taken[journal_id][0].turn.new = None

    async def _read(
        self, taken: dict[UUID, list[Waiting]]
    ) -> tuple[dict[UUID, Row | None], set[UUID]]:
        """The rows, and which of them were read just now and not remembered."""
        rows: dict[UUID, Row | None] = {
            j: row for j in taken if (row := self._rows.get(j)) is not None
        }
        missing = [j for j in taken if j not in rows]
        begun = {j: new for j in missing if (new := taken[j][0].turn.new) is not None}
        read = [j for j in missing if j not in begun]
        if read:
            rows |= await self._store.load(read)
        now = self.clock.now()
        rows |= {j: Row(saga, 0, now, now) for j, saga in begun.items()}
        return rows, set(read)

    async def _write(self, changes: Sequence[Change]) -> tuple[set[UUID], dict[UUID, Exception]]:
        """Commit; who won, and who cannot be written at all."""
        waits = self._sender.admit(changes)
        failpoints.reach("before_sql", _phases(changes))
        try:
            won = await self._store.commit(changes, waits)
        except DATA_ERRORS as error:
            if len(changes) == 1:
                return set(), {changes[0].after.saga.id: error}
            half = len(changes) // 2
            won, failed = await self._write(changes[:half])
            more_won, more_failed = await self._write(changes[half:])
            return won | more_won, failed | more_failed
        failpoints.reach("after_commit", _phases(changes))
        self._sender.send([c for c in changes if c.after.saga.id in won], waits)
        return won, {}

    def _remember(self, row: Row) -> None:
        self._rows[row.saga.id] = row
        self._rows.move_to_end(row.saga.id)
        if len(self._rows) > REMEMBERED:
            self._rows.popitem(last=False)


def _phases(changes: Sequence[Change]) -> Iterator[str]:
    """What the failpoints ask: the phases these changes end or begin a step of."""
    for change in changes:
        yield from (phase for phase, _, _ in change.closed)
        yield from (order.step[0] for order in change.orders)


def _absent(is_there: bool) -> ServiceError:
    if is_there:
        return OtherVersion("The journal is being moved to another version. Try again shortly.")
    return NotFound("There is no such journal.")


def _tell(waiting: Sequence[Waiting], row: Row) -> None:
    for each in waiting:
        if each.done.done():
            continue
        if each.turn.refusal is not None:
            each.done.set_exception(each.turn.refusal)
        else:
            each.done.set_result(row)


def _fail(waiting: Sequence[Waiting], error: Exception) -> None:
    for each in waiting:
        if not each.done.done():
            each.done.set_exception(error)
