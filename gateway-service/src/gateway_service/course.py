"""The course of a journal at the door: stand still, go on, end, again, and be forgotten."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from gateway_service.bodies import StrictRoute
from gateway_service.idempotency import AskedOnce
from gateway_service.owners import AskedOwners, Owners, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.api import JournalView, PauseOrder, RetryOrder

routes = APIRouter(
    prefix="/v1/journals/{journal_id}",
    tags=["journals"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 403, 404, 409, 422, 429, 503),
)
steered = documented(412, 413)
IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^"[0-9]{1,9}"$',
        description="The `ETag` of the state this rests on: 412 if anything happened since.",
    ),
]


@routes.post("/cancel", status_code=202, response_model=JournalView, responses=steered)
async def cancel(
    journal_id: UUID, request: Request, owners: AskedOwners, if_match: IfMatch = None
) -> Response:
    """Stop a journal; what was made so far is kept."""
    return await _steer(request, owners, journal_id, "cancel", if_match=if_match)


@routes.post("/pause", status_code=202, response_model=JournalView, responses=steered)
async def pause(
    journal_id: UUID,
    request: Request,
    owners: AskedOwners,
    order: PauseOrder | None = None,
    if_match: IfMatch = None,
) -> Response:
    """Let a journal stand still: no step begins, no default is taken."""
    wanted = order or PauseOrder()
    return await _steer(request, owners, journal_id, "pause", wanted, if_match=if_match)


@routes.post("/resume", status_code=202, response_model=JournalView, responses=steered)
async def resume(
    journal_id: UUID, request: Request, owners: AskedOwners, if_match: IfMatch = None
) -> Response:
    """Go on with a paused journal."""
    return await _steer(request, owners, journal_id, "resume", if_match=if_match)


@routes.post("/retry", status_code=202, response_model=JournalView, responses=steered)
async def retry(
    journal_id: UUID,
    request: Request,
    owners: AskedOwners,
    once: AskedOnce,
    *,
    order: RetryOrder | None = None,
    if_match: IfMatch = None,
) -> Response:
    """Take up a journal that ended or failed, at a phase or where it stood."""
    again = order or RetryOrder()
    return await once(
        lambda: _steer(request, owners, journal_id, "retry", again, if_match=if_match)
    )


@routes.delete("", status_code=204)
async def delete(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Delete a journal with everything made for it."""
    return await asked(request, owners.orchestrator, "DELETE", f"/v1/journals/{journal_id}")


async def _steer(
    request: Request,
    owners: Owners,
    journal_id: UUID,
    wish: str,
    body: BaseModel | None = None,
    *,
    if_match: str | None,
) -> Response:
    headers = {"If-Match": if_match} if if_match else None
    path = f"/v1/journals/{journal_id}/{wish}"
    return await asked(request, owners.orchestrator, "POST", path, body=body, headers=headers)
