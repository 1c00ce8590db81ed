"""All SQL of the engine: load, commit, send, release, and what is due.

The pool speaks asyncpg's own language: these statements run for every transition, and each is one
round trip. Times are the database's; the process's clock is never asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from chassis.broker import Letter
from chassis.database import Pool
from orchestrator_service import steps
from orchestrator_service.engine.changes import SAGA, Change, Row
from orchestrator_service.engine.releasing import View
from orchestrator_service.plan import VERSION
from orchestrator_service.state import Saga
from orchestrator_service.views import status_of

HELD: Final = timedelta(seconds=5)
"""How long a letter is its replica's own to send; after that any replica sweeps it up."""

COMMIT: Final = """
with born as (
    insert into journal (id, user_id, theme, plan, status, definition, version, saga, due_at,
                         priority, created_at, updated_at)
    select id, user_id, theme, plan, status, $51::int, version, saga::jsonb, due_at,
           priority, at, at
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
                  $8::timestamptz[], $9::int[], $10::timestamptz[])
        as b(id, user_id, theme, plan, status, version, saga, due_at, priority, at)
    on conflict (id) do nothing
    returning id
), move as (
    select * from unnest($11::uuid[], $12::int[], $13::int[], $14::text[], $15::text[], $16::int[],
                         $17::text[], $18::timestamptz[], $19::timestamptz[])
        as m(id, before, after, saga, status, percent, title, due_at, at)
), mine as (
    select j.id from journal j join move m on m.id = j.id and m.before = j.version
     order by j.id for no key update of j
), moved as (
    update journal j
       set version = m.after, saga = m.saga::jsonb, status = m.status, percent = m.percent,
           title = m.title, due_at = m.due_at, updated_at = m.at
      from move m join mine using (id)
     where j.id = m.id
    returning j.id
), won as (
    select id from born union all select id from moved
), noted as (
    insert into history (journal_id, seq, cause, actor, input, said, at)
    select h.journal_id, seq, cause, actor, input::jsonb, said::jsonb, at
      from unnest($20::uuid[], $21::int[], $22::text[], $23::text[], $24::text[], $25::text[],
                  $26::timestamptz[])
        as h(journal_id, seq, cause, actor, input, said, at)
      join won on won.id = h.journal_id
), decided as (
    insert into decision (journal_id, question, rev, choice, chosen_by, at)
    select d.journal_id, question, rev, choice::jsonb, chosen_by, at
      from unnest($27::uuid[], $28::text[], $29::int[], $30::text[], $31::text[],
                  $32::timestamptz[])
        as d(journal_id, question, rev, choice, chosen_by, at)
      join won on won.id = d.journal_id
), closed as (
    delete from outbox o
     using unnest($33::uuid[], $34::text[], $35::text[], $36::int[])
        as c(journal_id, phase, part, attempt)
      join won on won.id = c.journal_id
     where o.journal_id = c.journal_id and o.phase = c.phase and o.part = c.part
       and o.attempt = c.attempt
), said as (
    insert into outbox (id, journal_id, name, routing_key, body, trace, state, held_until,
                        phase, part, attempt, pool, user_id, priority, cost)
    select l.id, l.journal_id, name, routing_key, body, trace, state,
           clock_timestamp() + interval '5 seconds',
           phase, part, attempt, pool, user_id, priority, cost
      from unnest($37::uuid[], $38::uuid[], $39::text[], $40::text[], $41::bytea[], $42::text[],
                  $43::text[], $44::text[], $45::text[], $46::int[], $47::text[], $48::uuid[],
                  $49::int[], $50::int[])
        as l(id, journal_id, name, routing_key, body, trace, state, phase, part, attempt, pool,
             user_id, priority, cost)
      join won on won.id = l.journal_id
)
select id from won
"""

LOAD: Final = """
select id, version, saga, created_at, updated_at from journal where id = any($1)
"""

FORGET: Final = """
with gone as (delete from journal where id = $1 and version = $2 returning id),
     h as (delete from history using gone where journal_id = gone.id),
     d as (delete from decision using gone where journal_id = gone.id),
     k as (delete from idempotent_order using gone where journal_id = gone.id),
     l as (delete from outbox using gone where journal_id = gone.id and phase is not null)
insert into outbox (id, journal_id, name, routing_key, body, trace, state, held_until)
select $3, gone.id, $4, $5, $6, $7, 'leaving', clock_timestamp() + interval '5 seconds' from gone
returning id
"""

DUE: Final = """
select (select array_agg(id) from (
            select id from journal where due_at <= clock_timestamp() order by due_at limit $1
        ) due) as journals,
       extract(epoch from (select min(due_at) from journal) - clock_timestamp())::float as next_in,
       clock_timestamp() as now
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Journals whose time has come; seconds until the next; the time at the database."""

    journals: list[UUID]
    next_in: float | None
    now: datetime


async def load(pool: Pool, ids: Collection[UUID]) -> dict[UUID, Row]:
    """The rows of these journals, as far as there are any."""
    found = await pool.fetch(LOAD, list(ids))
    return {
        row["id"]: Row(
            SAGA.validate_json(row["saga"]), row["version"], row["created_at"], row["updated_at"]
        )
        for row in found
    }


async def commit(pool: Pool, changes: Sequence[Change], waits: Collection[UUID]) -> set[UUID]:
    """Write `changes` in one statement; the journals whose row was still as it had been read.

    `waits` names the letters that the release scheduler keeps back.
    """
    born = [c for c in changes if c.before.version == 0]
    moved = [c for c in changes if c.before.version != 0]
    columns = (
        *_columns(map(_birth, born), 10),
        *_columns(map(_move, moved), 9),
        *_columns(_entries(changes), 7),
        *_columns(_decisions(changes), 6),
        *_columns(_closed(changes), 4),
        *_columns(_letters(changes, waits), 14),
        VERSION,
    )
    if not waits:
        return {row["id"] for row in await pool.fetch(COMMIT, *columns)}
    async with pool.acquire() as connection, connection.transaction():
        won = {row["id"] for row in await connection.fetch(COMMIT, *columns)}
        await connection.execute(QUEUE, list(waits))
    return won


async def forget(pool: Pool, row: Row, letter: Letter) -> bool:
    """Delete a journal with all that is kept of it, and tell of it; False if it moved meanwhile."""
    gone = await pool.fetchval(
        FORGET,
        row.saga.id,
        row.version,
        letter.id,
        letter.name,
        letter.routing_key,
        letter.body,
        letter.trace.get("traceparent"),
    )
    return gone is not None


async def due(pool: Pool, limit: int) -> Due:
    """Whose time has come, by the database's clock."""
    (row,) = await pool.fetch(DUE, limit)
    return Due(row["journals"] or [], row["next_in"], row["now"])


def encoded(saga: Saga) -> str:
    """A saga as JSON; defaults are left out, which keeps a standard journal near 4 kB."""
    return SAGA.dump_json(saga, exclude_defaults=True).decode()


def _columns(rows: Any, width: int) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` wants them."""
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[]] * width


def _birth(change: Change) -> tuple[Any, ...]:
    row, saga = change.after, change.after.saga
    return (
        saga.id,
        saga.user_id,
        saga.request.theme,
        saga.request.plan.value,
        status_of(saga),
        row.version,
        encoded(saga),
        saga.due,
        saga.request.priority,
        row.created_at,
    )


def _move(change: Change) -> tuple[Any, ...]:
    row, saga = change.after, change.after.saga
    title = steps.title(saga)
    return (
        saga.id,
        change.before.version,
        row.version,
        encoded(saga),
        status_of(saga),
        saga.percent,
        title.text if title else None,
        saga.due,
        row.updated_at,
    )


def _entries(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [
        (c.after.saga.id, e.seq, e.cause, e.actor, e.input, e.said, c.after.updated_at)
        for c in changes
        for e in c.entries
    ]


def _decisions(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [
        (d.journal_id, d.decision_id, d.rev, d.choice.model_dump_json(), d.chosen_by, d.at)
        for c in changes
        for d in c.decisions
    ]


def _closed(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [(c.after.saga.id, *step) for c in changes for step in c.closed]


def _letters(changes: Sequence[Change], waits: Collection[UUID]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for change in changes:
        saga = change.after.saga
        for letter in change.events:
            rows.append((*_letter(letter, saga.id), "leaving", *[None] * 7))
        for order in change.orders:
            state = "waiting" if order.letter.id in waits else "leaving"
            about = (*order.step, order.pool, saga.user_id, saga.request.priority, order.cost)
            rows.append((*_letter(order.letter, saga.id), state, *about))
    return rows


def _letter(letter: Letter, journal_id: UUID) -> tuple[Any, ...]:
    trace = letter.trace.get("traceparent")
    return letter.id, journal_id, letter.name, letter.routing_key, letter.body, trace


# --- letters on their way -----------------------------------------------------------------------

SETTLE: Final = """
with gone as (delete from outbox where id = any($1) and phase is null)
update outbox set state = 'out' where id = any($1) and phase is not null and state = 'leaving'
"""

SWEEP: Final = """
update outbox set held_until = clock_timestamp() + interval '5 seconds'
 where id in (
    select id from outbox where state = 'leaving' and held_until < clock_timestamp()
     order by held_until limit $1 for update skip locked)
returning id, journal_id, name, routing_key, body, trace
"""

VIEW: Final = """
select pool, user_id, state = 'waiting' as waits, count(*) as steps,
       clock_timestamp() - min(held_until) as age
  from outbox where pool is not null group by 1, 2, 3
"""

QUEUE: Final = """
with mine as (
    select id, pool, user_id, cost, sum(cost) over later as after_it
      from outbox where id = any($1)
    window later as (partition by pool, user_id order by id desc
                     rows between unbounded preceding and 1 preceding)
), shares as (
    insert into share (pool, user_id, vtime, added)
    select m.pool, m.user_id, coalesce(max(p.vtime), 0) + sum(m.cost), sum(m.cost)
      from mine m left join pool p on p.name = m.pool
     group by m.pool, m.user_id order by m.pool, m.user_id
    on conflict (pool, user_id) do update
       set vtime = greatest(share.vtime + excluded.added, excluded.vtime), added = excluded.added
    returning pool, user_id, vtime
)
update outbox o set vtime = s.vtime - coalesce(m.after_it, 0)
  from mine m join shares s using (pool, user_id) where o.id = m.id
"""

RELEASE: Final = """
with held as (
    select user_id, count(*) as steps
      from outbox where pool = $1 and state in ('leaving', 'out') group by user_id
), head as (
    select id, user_id, priority, vtime,
           row_number() over (partition by user_id order by priority desc, vtime, id) as nth
      from (select id, user_id, priority, vtime from outbox
             where pool = $1 and state = 'waiting'
             order by priority desc, vtime, id limit 1000) waiting
), chosen as (
    select h.id, h.vtime from head h left join held using (user_id)
     where h.nth + coalesce(held.steps, 0) <= $3
     order by h.priority desc, h.vtime, h.id
     limit greatest($2 - (select coalesce(sum(steps), 0) from held), 0)
), moved_on as (
    insert into pool (name, vtime) select $1, max(vtime) from chosen having count(*) > 0
    on conflict (name) do update set vtime = greatest(pool.vtime, excluded.vtime)
)
update outbox o
   set state = 'leaving', held_until = clock_timestamp() + interval '5 seconds'
  from chosen where o.id = chosen.id and o.state = 'waiting'
returning o.id, o.journal_id, o.name, o.routing_key, o.body, o.trace
"""


async def settle(pool: Pool, arrived: Sequence[UUID]) -> None:
    """The broker has these: events are done with, commands are out."""
    await pool.execute(SETTLE, arrived)


async def sweep(pool: Pool, limit: int) -> list[Letter]:
    """Letters nobody holds any more, now held by this replica."""
    return [_letter_of(row) for row in await pool.fetch(SWEEP, limit)]


async def release(pool: Pool, name: str, window: int, user_limit: int) -> list[Letter]:
    """Let out as many waiting commands of a pool as there is room for, the next ones first."""
    found = await pool.fetch(RELEASE, name, window, user_limit)
    return [_letter_of(row) for row in found]


async def view(pool: Pool) -> View:
    """What is in flight and what waits."""
    seen = View()
    for row in await pool.fetch(VIEW):
        if row["waits"]:
            seen.waiting[row["pool"]] += row["steps"]
            seen.oldest = max(seen.oldest, row["age"] + HELD)
        else:
            seen.in_flight[row["pool"]] += row["steps"]
            seen.of_user[row["pool"], row["user_id"]] += row["steps"]
    return seen


def _letter_of(row: Any) -> Letter:
    return Letter(
        id=row["id"],
        name=row["name"],
        routing_key=row["routing_key"],
        subject=str(row["journal_id"]),
        body=row["body"],
        trace={"traceparent": row["trace"]} if row["trace"] else {},
    )
