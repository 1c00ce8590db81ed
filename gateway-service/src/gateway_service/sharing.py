"""Sharing at the door: collaborators and invitations, and the files of journals of others."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Request, Response

from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.owners import AskedOwners, Owners, OwnerUnavailable, asked
from gateway_service.problems import documented, signed_in
from journal_contracts.api import JournalView
from journal_contracts.sharing import (
    OWNER_HEADER,
    AccessView,
    CollaboratorPage,
    CollaboratorView,
    InvitationPage,
    ShareOrder,
)

COLLABORATORS: Final = "/journals/{journal_id}/collaborators"
routes = APIRouter(
    prefix="/v1",
    tags=["sharing"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 403, 422, 429, 503),
)


@routes.get(COLLABORATORS, response_model=CollaboratorPage, responses=documented(404))
async def collaborators(journal_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Whom you share a journal with; who has not accepted yet has no `accepted_at`."""
    path = f"/v1/journals/{journal_id}/collaborators"
    return await asked(request, owners.orchestrator, "GET", path)


@routes.post(
    COLLABORATORS,
    status_code=201,
    response_model=CollaboratorView,
    responses=documented(404, 409, 413),
)
async def share(
    journal_id: UUID, order: ShareOrder, request: Request, owners: AskedOwners
) -> Response:
    """Invite whoever has this address to a journal, or give them another role.

    The answer is the same whether there is such an account or not; it is shared once they accept.
    """
    path = f"/v1/journals/{journal_id}/collaborators"
    return await asked(request, owners.orchestrator, "POST", path, body=order)


@routes.delete(f"{COLLABORATORS}/{{collaborator_id}}", status_code=204, responses=documented(404))
async def remove(
    journal_id: UUID, collaborator_id: UUID, request: Request, owners: AskedOwners
) -> Response:
    """Take somebody out of your journal, or leave somebody else's: it holds at once."""
    path = f"/v1/journals/{journal_id}/collaborators/{collaborator_id}"
    return await asked(request, owners.orchestrator, "DELETE", path)


@routes.get("/invitations", response_model=InvitationPage)
async def invitations(request: Request, owners: AskedOwners) -> Response:
    """What others want to share with you."""
    return await asked(request, owners.orchestrator, "GET", "/v1/invitations")


@routes.post(
    "/invitations/{invitation_id}/accept",
    response_model=JournalView,
    responses=documented(404, 409),
)
async def accept(invitation_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Take an invitation: the journal is in your list and your feed from now on."""
    path = f"/v1/invitations/{invitation_id}/accept"
    return await asked(request, owners.orchestrator, "POST", path)


@routes.delete("/invitations/{invitation_id}", status_code=204, responses=documented(404))
async def decline(invitation_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Let an invitation be gone; nobody is told."""
    return await asked(request, owners.orchestrator, "DELETE", f"/v1/invitations/{invitation_id}")


async def asked_as_reader(
    request: Request,
    owners: Owners,
    journal_id: UUID,
    ask: Callable[[Mapping[str, str]], Awaitable[httpx.Response]],
) -> httpx.Response:
    """What `ask` gives with these headers: the caller's own, or of whom shares it with them.

    The orchestrator is asked only where nothing of this name is theirs.
    """
    answer = await ask({})
    if answer.status_code != httpx.codes.NOT_FOUND:
        return answer
    token = bearer_token(request, "Authorization")
    path = f"/v1/journals/{journal_id}/access"
    known = await owners.orchestrator.ask("GET", path, token=token)
    if known.status_code == httpx.codes.NOT_FOUND:
        return answer
    if not known.is_success:
        raise OwnerUnavailable(owners.orchestrator.name)
    access = AccessView.model_validate_json(known.content)
    if access.role == "owner":
        return answer
    await answer.aclose()
    return await ask({OWNER_HEADER: str(access.owner)})
