"""What the orchestrator answers about money: what journals cost, are likely to, and may."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from chassis.identity import CurrentCaller, only_from
from journal_contracts.api import Estimate, QuotaView, UsageKey, UsagePage
from journal_contracts.catalogue import GATEWAY
from journal_contracts.product import PlanName
from orchestrator_service.spending import Spending

router = APIRouter(prefix="/v1", tags=["usage"], dependencies=[Depends(only_from(GATEWAY))])


def _spending(request: Request) -> Spending:
    spending: Spending = request.app.state.spending
    return spending


AddedUp = Annotated[Spending, Depends(_spending)]


@router.get("/usage")
async def show_usage(
    caller: CurrentCaller,
    spending: AddedUp,
    by: UsageKey = "day",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> UsagePage:
    """What the caller's journals cost."""
    return await spending.usage(caller.user_id, by, days)


@router.get("/quota")
async def show_quota(caller: CurrentCaller, spending: AddedUp) -> QuotaView:
    """What is left of the caller's day."""
    return await spending.quota(caller.user_id)


@router.get("/estimate")
async def show_estimate(
    caller: CurrentCaller, spending: AddedUp, plan: PlanName = PlanName.STANDARD
) -> Estimate:
    """What a journal of this plan is likely to cost."""
    return await spending.estimate(plan)
