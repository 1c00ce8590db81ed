"""The audit at the door: asked of the auth service, which lets operators alone read it."""

from datetime import datetime

from fastapi import APIRouter, Request, Response

from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.auditing import AuditReport

routes = APIRouter(
    prefix="/v1/audit",
    tags=["operating"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 403, 422, 429, 503),
)


@routes.get("", response_model=AuditReport)
async def report(request: Request, owners: AskedOwners, since: datetime | None = None) -> Response:
    """Whether the audit holds, and what was done since then, or in 30 days. For operators."""
    params = {"since": since.isoformat()} if since else None
    return await asked(request, owners.auth, "GET", "/v1/audit", params=params)
