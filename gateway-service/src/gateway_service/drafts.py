"""Drafts at the door: the orchestrator knows what belongs to one, the media service reads it."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import httpx
from fastapi import APIRouter, Query, Request, Response

from chassis.identity import bearer_token
from gateway_service.owners import AskedOwners, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.api import DraftParts, DraftView

PAGE: Final[dict[str, Any]] = {"content": {"text/html": {}}, "model": DraftView}

routes = APIRouter(
    prefix="/v1/journals/{journal_id}/draft",
    tags=["journals"],
    dependencies=signed_in,
    responses=documented(401, 404, 422, 429, 503),
)


@routes.get("", response_class=Response, responses={200: PAGE})
async def draft(
    journal_id: UUID,
    request: Request,
    owners: AskedOwners,
    form: Annotated[
        Literal["html", "json"], Query(alias="format", description="A page, or the manuscripts.")
    ] = "html",
) -> Response:
    """Both books in words, with every edit so far: what the draft decision is about.

    404 `draft_not_ready` until they are written. In the page each section stands under the name by
    which notes on it are found.
    """
    token = bearer_token(request, "Authorization")
    path = f"/v1/journals/{journal_id}/draft"
    known = await owners.orchestrator.ask("GET", path, token=token)
    if known.status_code != httpx.codes.OK:
        return passed_on(known)
    parts = DraftParts.model_validate_json(known.content)
    return passed_on(
        await owners.media.ask("POST", path, token=token, body=parts, params={"form": form})
    )
