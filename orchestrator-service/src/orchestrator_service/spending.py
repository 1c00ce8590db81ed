"""What models cost, by day, agent, journal and model; what a journal is likely to cost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text

from chassis.database import Database
from chassis.gathering import Gathering
from chassis.ids import new_id
from journal_contracts.api import Estimate, QuotaView, UsageKey, UsageLine, UsagePage
from journal_contracts.events import UsageRecorded
from journal_contracts.product import PlanName
from orchestrator_service.engine.quotas import UNBOUNDED, Quota

NOTE: Final = text(
    """
    with noted as (
        insert into model_call
               (id, user_id, journal_id, agent, model, tokens_in, tokens_out, cost, at)
        values (:id, :user_id, :journal_id, :agent, :model, :tokens_in, :tokens_out, :cost, :at)
        on conflict do nothing
        returning user_id, cost, tokens_in + tokens_out as tokens, at
    )
    insert into user_day (user_id, day, recorded_cost, recorded_tokens)
    select user_id, (at at time zone 'utc')::date, coalesce(cost, 0), tokens from noted
    on conflict (user_id, day) do update
       set recorded_cost = user_day.recorded_cost + excluded.recorded_cost,
           recorded_tokens = user_day.recorded_tokens + excluded.recorded_tokens
    """
)

KEYS: Final[dict[UsageKey, str]] = {
    "day": "to_char(at at time zone 'utc', 'YYYY-MM-DD')",
    "agent": "agent",
    "journal": "journal_id::text",
    "model": "model",
}
LATEST: Final = 20
"""So many completed journals make an estimate."""

USAGE: Final = """
select {key} as key, count(*) as calls, sum(tokens_in) as tokens_in, sum(tokens_out) as tokens_out,
       coalesce(sum(cost), 0) as cost, count(*) filter (where cost is null) as unpriced
  from model_call
 where user_id = :user_id and at > clock_timestamp() - cast(:since as interval)
 group by 1 order by {order} limit :most
"""
MOST_LINES: Final = 1_000

ESTIMATE: Final = """
with latest as (
    select saga from journal where plan = :plan and status = 'completed'
     order by updated_at desc limit :latest
), counted as (
    select coalesce((saga->'usage'->>'calls')::int, 0) as calls,
           coalesce((saga->'usage'->>'tokens_in')::int, 0) as tokens_in,
           coalesce((saga->'usage'->>'tokens_out')::int, 0) as tokens_out,
           case when saga->'usage' ? 'cost' then (saga->'usage'->>'cost')::numeric else 0 end
               as cost,
           (select sum((phase.value->>'seconds')::float)
              from jsonb_each(saga->'phases') phase) as seconds
      from latest
)
select count(*) as journals, round(avg(calls))::int as calls,
       round(avg(tokens_in))::int as tokens_in, round(avg(tokens_out))::int as tokens_out,
       case when count(cost) = count(*) then round(avg(cost), 6) end as cost,
       avg(seconds) as seconds
  from counted
"""


TODAY: Final = """
with today as (select (clock_timestamp() at time zone 'utc')::date as day)
select today.day, coalesce(greatest(settled_cost, recorded_cost), 0) as spent_cost,
       coalesce(greatest(settled_tokens, recorded_tokens), 0) as spent_tokens
  from today left join user_day on user_day.day = today.day and user_id = :user_id
"""


class Spending:
    """Hears of calls, and adds them up."""

    def __init__(self, database: Database, quota: Quota = UNBOUNDED) -> None:
        self._database = database
        self._quota = quota
        self._notes = Gathering(self._keep)

    async def note(self, recorded: UsageRecorded) -> None:
        """Keep a call; heard again, it is the same one."""
        await self._notes.add(recorded)

    async def _keep(self, calls: Sequence[UsageRecorded]) -> None:
        async with self._database.transaction() as session:
            rows = sorted(map(_row, calls), key=lambda row: (row["user_id"], row["at"]))
            await session.execute(NOTE, rows)  # days are locked in the order of `quotas`

    async def usage(self, user_id: UUID, by: UsageKey, days: int) -> UsagePage:
        """A user's calls of the last days, added up."""
        order = "key desc" if by == "day" else "cost desc, tokens_out desc, key"
        query = text(USAGE.format(key=KEYS[by], order=order))
        rows = await self._rows(query, user_id=user_id, since=timedelta(days=days), most=MOST_LINES)
        return UsagePage(items=tuple(UsageLine.model_validate(row) for row in rows))

    async def quota(self, user_id: UUID) -> QuotaView:
        """What a user's models may cost today, and what they did."""
        [row] = await self._rows(text(TODAY), user_id=user_id)
        return QuotaView(cost=self._quota.cost, tokens=self._quota.tokens, **row)

    async def estimate(self, plan: PlanName) -> Estimate:
        """What the latest journals of a plan came to."""
        [row] = await self._rows(text(ESTIMATE), plan=plan.value, latest=LATEST)
        return Estimate.model_validate(row)

    async def _rows(self, query: Any, **told: Any) -> list[dict[str, Any]]:
        bound = query.bindparams(*(bindparam(name, value) for name, value in told.items()))
        async with self._database.transaction() as session:
            return [dict(row) for row in (await session.execute(bound)).mappings()]


def _row(recorded: UsageRecorded) -> dict[str, Any]:
    usage = recorded.usage
    return {
        "id": recorded.call or new_id(),
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost": usage.cost,
        **recorded.model_dump(include={"user_id", "journal_id", "agent", "model", "at"}),
    }
