"""What a user's models may cost on a day: each command that leaves takes a share of it with it.

A step that was refused before gets what it lacked, where there is so much; the others get half of
the rest, in equal parts. A share is the step's own until the step is closed; then what it really
cost counts. The row of the user's day is locked meanwhile, so no two replicas and no two journals
give away the same dollar. The day is the database's, in UTC.

Calls are counted twice: as answers are heard (`settled`, with the answer's own commit), and as the
workers tell of each call (`recorded`, also of calls nobody waited for). The larger sum counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from chassis.database import Pool
from journal_contracts.commands import DayShare, RunPhase
from journal_contracts.message import Allowance
from orchestrator_service.shares import part_of_half

OPEN: Final = """
insert into user_day (user_id, day)
select distinct user_id, (clock_timestamp() at time zone 'utc')::date
  from outbox where id = any($1) order by user_id
on conflict (user_id, day) do update set day = excluded.day
returning user_id, greatest(settled_cost, recorded_cost) as cost,
          greatest(settled_tokens, recorded_tokens) as tokens
"""

UNDER_WAY: Final = """
select user_id, coalesce(sum(granted_cost), 0) as cost, coalesce(sum(granted_tokens), 0) as tokens
  from outbox
 where user_id = any($1) and (granted_cost is not null or granted_tokens is not null)
 group by user_id
"""

# Commands of other kinds are the shelf's: these never wait.
MINE: Final = """
select id, journal_id, user_id, name, routing_key, body, trace, vtime from outbox
 where id = any($1) and state = 'waiting' order by vtime, id for update skip locked
"""

LEAVE: Final = """
with moved_on as (
    insert into pool (name, vtime) values ($1, $2)
    on conflict (name) do update set vtime = greatest(pool.vtime, excluded.vtime)
)
update outbox o
   set state = 'leaving', held_until = clock_timestamp() + interval '5 seconds',
       granted_cost = s.cost, granted_tokens = s.tokens, body = s.body
  from unnest($3::uuid[], $4::numeric[], $5::bigint[], $6::bytea[]) as s(id, cost, tokens, body)
 where o.id = s.id
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
        spent = {row["user_id"]: row for row in await connection.fetch(OPEN, ids)}
        out = {row["user_id"]: row for row in await connection.fetch(UNDER_WAY, [*spent])}
        waiting = await connection.fetch(MINE, ids)
        of_user = defaultdict[UUID, list[Any]](list)
        for row in waiting:
            of_user[row["user_id"]].append(row)
        leaving = [
            letter
            for user, rows in of_user.items()
            for letter in _with_shares(rows, _day(quota, spent[user], out.get(user)))
        ]
        if leaving:
            furthest = max(row["vtime"] for row in waiting)
            columns = zip(*(leave for _, leave in leaving), strict=True)
            await connection.execute(LEAVE, told[0], furthest, *map(list, columns))
        return [row for row, _ in leaving]


@dataclass(frozen=True)
class Day:
    """What is left of a user's day, and how much of it others have shares of."""

    cost: Decimal | None
    tokens: Decimal | None
    taken_cost: Decimal = Decimal(0)
    taken_tokens: Decimal = Decimal(0)


def _day(quota: Quota, spent: Any, out: Any) -> Day:
    cost = None if quota.cost is None else max(quota.cost - spent["cost"], Decimal(0))
    tokens = None if quota.tokens is None else Decimal(max(quota.tokens - spent["tokens"], 0))
    return Day(cost, tokens, out["cost"], out["tokens"]) if out else Day(cost, tokens)


def _with_shares(rows: Sequence[Any], day: Day) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    """Each letter with its share in it, and what its row is to hold."""
    steps = [RunPhase.model_validate_json(row["body"]) for row in rows]
    needs = [step.needs or Allowance() for step in steps]
    costs = split(day.cost, day.taken_cost, [need.cost for need in needs])
    tokens = split(day.tokens, day.taken_tokens, [_exact(need.tokens) for need in needs])
    for row, step, cost, count in zip(rows, steps, costs, tokens, strict=True):
        share = DayShare(
            cost=cost,
            tokens=None if count is None else int(count),
            left_cost=day.cost,
            left_tokens=None if day.tokens is None else int(day.tokens),
        )
        body = step.model_copy(update={"quota": share}).model_dump_json().encode()
        yield {**row, "body": body}, (row["id"], share.cost, share.tokens, body)


def _exact(tokens: int | None) -> Decimal | None:
    return None if tokens is None else Decimal(tokens)


def split(
    left: Decimal | None, taken: Decimal, needs: Sequence[Decimal | None]
) -> list[Decimal | None]:
    """What of `left` each step may spend, where others have `taken` shares; None: no bound.

    A need is met whole or not at all; who has none known gets a part of half the rest.
    """
    if left is None:
        return [None] * len(needs)
    rest, met = max(left - taken, Decimal(0)), dict[int, Decimal]()
    for at, need in enumerate(needs):
        if need is not None:
            met[at] = need if need <= rest else Decimal(0)
            rest -= met[at]
    others = len(needs) - len(met)
    part = part_of_half(rest, others) if others else Decimal(0)
    return [met.get(at, part) for at in range(len(needs))]
