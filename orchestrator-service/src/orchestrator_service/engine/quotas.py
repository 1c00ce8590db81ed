"""What a user's models may cost on a day: each command that leaves takes a share of it with it.

A share is half of what is left of the day, divided by the commands that leave together; it is the
step's own until the step is closed, and then what it really cost counts. The row of the user's day
is locked meanwhile, so no two replicas and no two journals give away the same dollar. The day is
the database's, in UTC.

Calls are counted twice: as answers are heard (`settled`, with the answer's own commit), and as the
workers tell of each call (`recorded`, also of calls nobody waited for). The larger sum counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from chassis.database import Pool

OPEN: Final = """
insert into user_day (user_id, day)
select distinct user_id, (clock_timestamp() at time zone 'utc')::date
  from outbox where id = any($1) order by user_id
on conflict (user_id, day) do update set day = excluded.day
returning day
"""

GRANT: Final = """
with mine as (
    select id, user_id, vtime from outbox where id = any($2) and state = 'waiting'
       for update skip locked
), moved_on as (
    insert into pool (name, vtime) select $1, max(vtime) from mine having count(*) > 0
    on conflict (name) do update set vtime = greatest(pool.vtime, excluded.vtime)
), leaving as (
    select user_id, count(*) as steps from mine group by user_id
), under_way as (
    select user_id, sum(granted_cost) as cost, sum(granted_tokens) as tokens
      from outbox join leaving using (user_id)
     where granted_cost is not null or granted_tokens is not null group by user_id
), rest as (
    select user_id, steps,
           $4::numeric - greatest(settled_cost, recorded_cost) - coalesce(u.cost, 0) as cost,
           $5::bigint - greatest(settled_tokens, recorded_tokens) - coalesce(u.tokens, 0) as tokens
      from leaving join user_day d using (user_id) left join under_way u using (user_id)
     where d.day = $3
), share as (
    select user_id,
           case when cost is not null then trunc(greatest(cost, 0) / 2 / steps, 6) end as cost,
           case when tokens is not null then div(greatest(tokens, 0), 2 * steps)::bigint end
               as tokens
      from rest
)
update outbox o
   set state = 'leaving', held_until = clock_timestamp() + interval '5 seconds',
       granted_cost = s.cost, granted_tokens = s.tokens,
       body = convert_to((convert_from(body, 'utf8')::jsonb || jsonb_build_object(
           'quota', jsonb_build_object('cost', s.cost::text, 'tokens', s.tokens)))::text, 'utf8')
  from mine m join share s using (user_id) where o.id = m.id
returning o.id, o.journal_id, o.name, o.routing_key, o.body, o.trace
"""


@dataclass(frozen=True)
class Quota:
    """What a user's models may cost on a day; None: this is not bounded."""

    cost: Decimal | None = None
    """US dollars."""
    tokens: int | None = None

    def __bool__(self) -> bool:
        return self.cost is not None or self.tokens is not None


UNBOUNDED: Final = Quota()


async def released(pool: Pool, next_ones: str, told: Sequence[Any], quota: Quota) -> list[Any]:
    """Let out the commands that `next_ones` finds, each with its share of its user's day.

    Days are locked in one order and before any letter; letters that are locked are passed over: so
    nobody who holds something here waits for somebody who waits for it.
    """
    async with pool.acquire() as connection, connection.transaction():
        ids: list[UUID] = [row["id"] for row in await connection.fetch(next_ones, *told)]
        if not ids:
            return []
        day = (await connection.fetch(OPEN, ids))[0]["day"]
        found: list[Any] = await connection.fetch(
            GRANT, told[0], ids, day, quota.cost, quota.tokens
        )
        return found
