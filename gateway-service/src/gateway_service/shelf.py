"""A user's library at the door: tags and themes, asked of the orchestrator, which owns them."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.api import JournalTags, TagPage, TagsOrder, ThemePage

routes = APIRouter(
    prefix="/v1",
    tags=["library"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 422, 429, 503),
)


@routes.get("/tags", response_model=TagPage)
async def tags(request: Request, owners: AskedOwners) -> Response:
    """Your tags, and how many journals have each."""
    return await asked(request, owners.orchestrator, "GET", "/v1/tags")


@routes.get("/themes", response_model=ThemePage)
async def themes(request: Request, owners: AskedOwners) -> Response:
    """What you wrote about, the most first, and what is offered."""
    return await asked(request, owners.orchestrator, "GET", "/v1/themes")


@routes.get("/journals/{journal_id}/tags", response_model=JournalTags, responses=documented(404))
async def tags_of(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """The tags of a journal."""
    return await asked(request, owners.orchestrator, "GET", f"/v1/journals/{journal_id}/tags")


@routes.put(
    "/journals/{journal_id}/tags",
    response_model=JournalTags,
    responses=documented(404, 409, 413),
)
async def tag(
    journal_id: UUID, order: TagsOrder, request: Request, owners: AskedOwners
) -> Response:
    """Let a journal have just these tags. A tag that no journal has any more is gone."""
    path = f"/v1/journals/{journal_id}/tags"
    return await asked(request, owners.orchestrator, "PUT", path, body=order)
