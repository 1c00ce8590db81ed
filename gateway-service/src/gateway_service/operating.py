"""Dead letters at the door: asked of the orchestrator, which lets operators alone see them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, Owners, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.operating import (
    DeadLetterChoice,
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersSettled,
    Word,
)

routes = APIRouter(
    prefix="/v1/dead-letters",
    tags=["operating"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 403, 422, 429, 503),
)


@routes.get("", response_model=DeadLetterPage)
async def dead_letters(
    request: Request,
    owners: AskedOwners,
    *,
    service: Word | None = None,
    name: Word | None = None,
    reason: Word | None = None,
    journal: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Messages that no service could handle, newest first. For operators."""
    wanted = {
        "service": service,
        "name": name,
        "reason": reason,
        "journal": str(journal) if journal else None,
        "cursor": cursor,
    }
    told = {key: value for key, value in wanted.items() if value}
    params: dict[str, str | int] = {"limit": limit, **told}
    token = bearer_token(request, "Authorization")
    return passed_on(
        await owners.orchestrator.ask("GET", "/v1/dead-letters", token=token, params=params)
    )


@routes.get("/{letter_id}", response_model=DeadLetterDetail, responses=documented(404))
async def dead_letter(letter_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """One of them, without what people wrote in it. For operators."""
    token = bearer_token(request, "Authorization")
    return passed_on(
        await owners.orchestrator.ask("GET", f"/v1/dead-letters/{letter_id}", token=token)
    )


@routes.post("/redrive", response_model=DeadLettersSettled, responses=documented(404, 413))
async def redrive(choice: DeadLetterChoice, request: Request, owners: AskedOwners) -> Response:
    """Send one, or a class, back to where they failed. For operators."""
    return await _post(request, owners, "redrive", choice)


@routes.post("/drop", response_model=DeadLettersSettled, responses=documented(404, 413))
async def drop(choice: DeadLetterChoice, request: Request, owners: AskedOwners) -> Response:
    """Forget one, or a class, for good. For operators."""
    return await _post(request, owners, "drop", choice)


async def _post(request: Request, owners: Owners, what: str, choice: DeadLetterChoice) -> Response:
    token = bearer_token(request, "Authorization")
    path = f"/v1/dead-letters/{what}"
    return passed_on(await owners.orchestrator.ask("POST", path, token=token, body=choice))
