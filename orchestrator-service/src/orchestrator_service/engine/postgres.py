"""All SQL of the engine: load, commit, send, release, and what is due.

The pool speaks asyncpg's own language: these statements run for every transition, and each is one
round trip.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from chassis.broker import Letter
from chassis.database import Pool
from orchestrator_service import steps
from orchestrator_service.engine import quotas
from orchestrator_service.engine.changes import SAGA, Change, Row
from orchestrator_service.engine.quotas import UNBOUNDED, Quota
from orchestrator_service.engine.releasing import View
from orchestrator_service.engine.store import Due, House
from orchestrator_service.state import Saga
from orchestrator_service.views import status_of

HELD: Final = timedelta(seconds=5)
"""How long a letter is its replica's own to send; after that any replica sweeps it up."""

SENT: Final[TypeAdapter[Mapping[str, datetime | None]]] = TypeAdapter(Mapping[str, datetime | None])

COMMIT: Final = """
with born as (
    insert into journal (id, user_id, theme, plan, status, definition, version, saga, due_at,
                         priority, created_at, updated_at)
    select id, user_id, theme, plan, status, definition, version, saga::jsonb, due_at,
           priority, at, at
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
                  $8::timestamptz[], $9::int[], $10::timestamptz[], $51::int[])
        as b(id, user_id, theme, plan, status, version, saga, due_at, priority, at, definition)
    on conflict (id) do nothing
    returning id
), move as (
    select * from unnest($11::uuid[], $12::int[], $13::int[], $14::text[], $15::text[], $16::int[],
                         $17::text[], $18::timestamptz[], $19::timestamptz[], $52::int[])
        as m(id, before, after, saga, status, percent, title, due_at, at, definition)
), mine as (
    select j.id from journal j join move m on m.id = j.id and m.before = j.version
     order by j.id for no key update of j
), moved as (
    update journal j
       set version = m.after, saga = m.saga::jsonb, status = m.status, percent = m.percent,
           title = m.title, due_at = m.due_at, updated_at = m.at, definition = m.definition
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
), spent as (
    insert into user_day (user_id, day, settled_cost, settled_tokens)
    select s.user_id, (clock_timestamp() at time zone 'utc')::date, sum(cost), sum(tokens)
      from unnest($53::uuid[], $54::uuid[], $55::numeric[], $56::bigint[])
        as s(journal_id, user_id, cost, tokens)
      join won on won.id = s.journal_id
     group by s.user_id order by s.user_id
    on conflict (user_id, day) do update
       set settled_cost = user_day.settled_cost + excluded.settled_cost,
           settled_tokens = user_day.settled_tokens + excluded.settled_tokens
)
select id from won
"""

LOAD: Final = """
select id, version, definition, saga, created_at, updated_at from journal where id = any($1)
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
with late as (
    select id, due_at from journal
     where due_at <= clock_timestamp() and definition = any($2) order by due_at limit $1
)
select (select json_agg(json_build_array(late.id, (
            select json_object_agg(phase || '/' || part || '/' || attempt,
                                   case when state <> 'waiting' then held_until - $3::interval end)
              from outbox where journal_id = late.id and phase is not null)))
          from late) as journals,
       extract(epoch from (select min(due_at) from journal where definition = any($2))
                          - clock_timestamp())::float as next_in,
       clock_timestamp() as now
"""

HOUSE: Final = """
with alive as (
    insert into replica (id, newest, seen_at) values ($1, $2, clock_timestamp())
    on conflict (id) do update set seen_at = excluded.seen_at
), gone as (
    delete from replica where seen_at < clock_timestamp() - interval '1 hour'
), first as (
    insert into definition (version)
    select $2 where not exists (select from definition) on conflict do nothing
)
select coalesce((select max(version) from definition), $2) as version,
       (select count(*) from replica
         where id <> $1 and seen_at > clock_timestamp() - interval '5 seconds') + 1 as replicas
"""

OUTDATED: Final = "select id from journal where definition < $1 limit $2"


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
        saga.version,
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
        saga.version,
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


def _spent(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """What answers cost, of those that cost anything."""
    told = ((c.after.saga, *c.spent) for c in changes)
    return [(saga.id, saga.user_id, cost, tokens) for saga, cost, tokens in told if cost or tokens]


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

# These two take rows that a transition may be closing at the same moment, in an order of its own:
# they pass over what is locked, so that neither waits for the other in a circle.

SETTLE: Final = """
with mine as (
    select id, phase from outbox where id = any($1) and state = 'leaving' for update skip locked
), gone as (
    delete from outbox o using mine where o.id = mine.id and mine.phase is null
)
update outbox o set state = 'out' from mine where o.id = mine.id and mine.phase is not null
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

NEXT: Final = """
with held as (
    select user_id, count(*) as steps
      from outbox where pool = $1 and state in ('leaving', 'out') group by user_id
), head as (
    select id, user_id, priority, vtime,
           row_number() over (partition by user_id order by priority desc, vtime, id) as nth
      from (select o.id, o.user_id, o.priority, vtime
              from outbox o join journal j on j.id = o.journal_id
             where pool = $1 and state = 'waiting' and j.status = 'running'
             order by o.priority desc, vtime, o.id limit 1000) waiting
), chosen as (
    select h.id, h.vtime from head h left join held using (user_id)
     where h.nth + coalesce(held.steps, 0) <= $3
     order by h.priority desc, h.vtime, h.id
     limit greatest($2 - (select coalesce(sum(steps), 0) from held), 0)
)
"""
"""The commands of a pool that go next, as `chosen`."""

NEXT_IDS: Final = f"{NEXT} select id from chosen"  # noqa: S608 - both are ours

RELEASE: Final = f"""{NEXT}, mine as (
    select o.id, o.vtime from outbox o join chosen using (id)
     where o.state = 'waiting' for update of o skip locked
), moved_on as (
    insert into pool (name, vtime) select $1, max(vtime) from mine having count(*) > 0
    on conflict (name) do update set vtime = greatest(pool.vtime, excluded.vtime)
)
update outbox o
   set state = 'leaving', held_until = clock_timestamp() + interval '5 seconds'
  from mine where o.id = mine.id
returning o.id, o.journal_id, o.name, o.routing_key, o.body, o.trace
"""  # noqa: S608 - both are ours

PLACE: Final = """
select w.pool,
       (select count(*) from outbox o
         where o.pool = w.pool and o.state = 'waiting' and o.priority >= w.priority
           and (o.priority > w.priority or (o.vtime, o.id) < (w.vtime, w.id))) as ahead
  from outbox w
 where w.journal_id = $1 and w.phase is not null and w.state = 'waiting'
   and not exists (select 1 from outbox s
                    where s.journal_id = $1 and s.phase is not null and s.state <> 'waiting')
 order by w.priority desc, w.vtime, w.id limit 1
"""


def _letter_of(row: Any) -> Letter:
    return Letter(
        id=row["id"],
        name=row["name"],
        routing_key=row["routing_key"],
        subject=str(row["journal_id"]),
        body=row["body"],
        trace={"traceparent": row["trace"]} if row["trace"] else {},
    )


class PostgresStore:
    """The `Store` on PostgreSQL. It takes rows of the `versions` of the table it was told."""

    def __init__(self, pool: Pool, versions: Collection[int], quota: Quota = UNBOUNDED) -> None:
        self._pool = pool
        self._versions = list(versions)
        self._quota = quota

    async def now(self) -> datetime:
        now: datetime = await self._pool.fetchval("select clock_timestamp()")
        return now

    async def load(self, ids: Collection[UUID]) -> dict[UUID, Row | None]:
        found = await self._pool.fetch(LOAD, list(ids))
        return {row["id"]: self._row(row) for row in found}

    def _row(self, row: Any) -> Row | None:
        if row["definition"] not in self._versions:
            return None
        saga = SAGA.validate_json(row["saga"])
        return Row(saga, row["version"], row["created_at"], row["updated_at"])

    async def commit(self, changes: Sequence[Change], waits: Collection[UUID]) -> set[UUID]:
        births = [_birth(c) for c in changes if c.before.version == 0]
        moves = [_move(c) for c in changes if c.before.version != 0]
        *born, born_as = _columns(births, 11)
        *moved, moved_to = _columns(moves, 10)
        columns = (
            *born,
            *moved,
            *_columns(_entries(changes), 7),
            *_columns(_decisions(changes), 6),
            *_columns(_closed(changes), 4),
            *_columns(_letters(changes, waits), 14),
            born_as,
            moved_to,
            *_columns(_spent(changes), 4),
        )
        if not waits:
            return {row["id"] for row in await self._pool.fetch(COMMIT, *columns)}
        async with self._pool.acquire() as connection, connection.transaction():
            won = {row["id"] for row in await connection.fetch(COMMIT, *columns)}
            await connection.execute(QUEUE, list(waits))
        return won

    async def forget(self, row: Row, letter: Letter) -> bool:
        about = _letter(letter, row.saga.id)
        gone = await self._pool.fetchval(FORGET, row.saga.id, row.version, about[0], *about[2:])
        return gone is not None

    async def due(self, limit: int) -> Due:
        (row,) = await self._pool.fetch(DUE, limit, self._versions, HELD)
        journals = json.loads(row["journals"] or "[]")
        return Due(
            {UUID(journal): SENT.validate_python(sent or {}) for journal, sent in journals},
            row["next_in"],
            row["now"],
        )

    async def settle(self, arrived: Sequence[UUID]) -> None:
        await self._pool.execute(SETTLE, arrived)

    async def sweep(self, limit: int) -> list[Letter]:
        return [_letter_of(row) for row in await self._pool.fetch(SWEEP, limit)]

    async def release(self, pool: str, window: int, user_limit: int) -> list[Letter]:
        told = (pool, window, user_limit)
        if self._quota:
            found = await quotas.released(self._pool, NEXT_IDS, told, self._quota)
        else:
            found = await self._pool.fetch(RELEASE, *told)
        return [_letter_of(row) for row in found]

    async def view(self) -> View:
        seen = View()
        for row in await self._pool.fetch(VIEW):
            if row["waits"]:
                seen.waiting[row["pool"]] += row["steps"]
                seen.oldest = max(seen.oldest, row["age"] + HELD)
            else:
                seen.in_flight[row["pool"]] += row["steps"]
                seen.of_user[row["pool"], row["user_id"]] += row["steps"]
        return seen

    async def place(self, journal: UUID) -> tuple[str, int] | None:
        found = await self._pool.fetch(PLACE, journal)
        return (found[0]["pool"], found[0]["ahead"]) if found else None

    async def house(self, replica: UUID) -> House:
        (row,) = await self._pool.fetch(HOUSE, replica, max(self._versions))
        return House(row["version"], row["replicas"])

    async def outdated(self, version: int, limit: int) -> list[UUID]:
        return [row["id"] for row in await self._pool.fetch(OUTDATED, version, limit)]
