"""What journals cost, and are likely to: asked of the orchestrator, which adds it up."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.api import Estimate, QuotaView, UsageKey, UsagePage
from journal_contracts.product import PlanName

routes = APIRouter(
    prefix="/v1",
    tags=["usage"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 422, 429, 503),
)


@routes.get("/usage", response_model=UsagePage)
async def usage(
    request: Request,
    owners: AskedOwners,
    by: UsageKey = "day",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Response:
    """What the models of your journals cost in the last days, by day, agent, journal or model."""
    token = bearer_token(request, "Authorization")
    told: dict[str, str | int] = {"by": by, "days": days}
    return passed_on(await owners.orchestrator.ask("GET", "/v1/usage", token=token, params=told))


@routes.get("/quota", response_model=QuotaView)
async def quota(request: Request, owners: AskedOwners) -> Response:
    """What the models of all your journals may cost today, and what they have cost so far."""
    token = bearer_token(request, "Authorization")
    return passed_on(await owners.orchestrator.ask("GET", "/v1/quota", token=token))


@routes.get("/estimate", response_model=Estimate)
async def estimate(
    request: Request, owners: AskedOwners, plan: PlanName = PlanName.STANDARD
) -> Response:
    """What a journal of a plan came to lately, on the average."""
    token = bearer_token(request, "Authorization")
    told = {"plan": plan.value}
    return passed_on(await owners.orchestrator.ask("GET", "/v1/estimate", token=token, params=told))
