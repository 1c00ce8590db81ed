"""The store on PostgreSQL.

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
from orchestrator_service.engine import quotas
from orchestrator_service.engine.changes import SAGA, Change, Row
from orchestrator_service.engine.committing import COMMIT, columns_of, letter_row
from orchestrator_service.engine.letters import (
    NEXT_IDS,
    PLACE,
    QUEUE,
    RELEASE,
    SETTLE,
    SWEEP,
    VIEW,
    letter_of,
)
from orchestrator_service.engine.quotas import UNBOUNDED, Quota
from orchestrator_service.engine.releasing import View
from orchestrator_service.engine.store import Due, House

HELD: Final = timedelta(seconds=5)
"""How long a letter is its replica's own to send; after that any replica sweeps it up."""

SENT: Final[TypeAdapter[Mapping[str, datetime | None]]] = TypeAdapter(Mapping[str, datetime | None])

LOAD: Final = """
select id, version, definition, saga, created_at, updated_at from journal where id = any($1)
"""

FORGET: Final = """
with gone as (delete from journal where id = $1 and version = $2 returning id),
     h as (delete from history using gone where journal_id = gone.id),
     d as (delete from decision using gone where journal_id = gone.id),
     k as (update idempotent_order set body_sha256 = '' from gone where journal_id = gone.id),
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
        columns = columns_of(changes, waits)
        if not waits:
            return {row["id"] for row in await self._pool.fetch(COMMIT, *columns)}
        async with self._pool.acquire() as connection, connection.transaction():
            won = {row["id"] for row in await connection.fetch(COMMIT, *columns)}
            await connection.execute(QUEUE, list(waits))
        return won

    async def forget(self, row: Row, letter: Letter) -> bool:
        about = letter_row(letter, row.saga.id)
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
        return [letter_of(row) for row in await self._pool.fetch(SWEEP, limit)]

    async def release(self, pool: str, window: int, user_limit: int) -> list[Letter]:
        told = (pool, window, user_limit)
        if self._quota:
            found = await quotas.released(self._pool, NEXT_IDS, told, self._quota)
        else:
            found = await self._pool.fetch(RELEASE, *told)
        return [letter_of(row) for row in found]

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
