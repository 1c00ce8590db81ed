"""How long each phase of a plan took in the latest journals; looked up again now and then."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sqlalchemy import text

from chassis.database import Database
from journal_contracts.product import PlanName
from orchestrator_service.spending import LATEST

KEPT_SECONDS: Final = 30.0

TOOK: Final = text("""
with latest as (
    select saga from journal where plan = :plan and status = 'completed'
     order by updated_at desc limit :latest
)
select phase.key as phase,
       percentile_cont(0.5) within group (order by (phase.value->>'seconds')::float) as seconds
  from latest, jsonb_each(saga->'phases') phase
 where phase.value->>'seconds' is not null
 group by 1
""")


UsualTimes = Callable[[PlanName], Awaitable[Mapping[str, float]]]
"""Of a plan: the seconds that each of its phases takes."""


class Times:
    """The usual times of all plans."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[PlanName, tuple[float, Mapping[str, float]]] = {}

    async def of(self, plan: PlanName) -> Mapping[str, float]:
        """The median seconds of each phase; empty before the first journal of the plan."""
        looked, times = self._known.get(plan, (0.0, {}))
        if not times or time.monotonic() - looked >= KEPT_SECONDS:
            async with self._database.transaction() as session:
                rows = await session.execute(TOOK, {"plan": plan.value, "latest": LATEST})
                times = {name: seconds for name, seconds in rows}
            self._known[plan] = time.monotonic(), times
        return times
