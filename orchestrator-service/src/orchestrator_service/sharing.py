"""What the orchestrator answers about sharing: collaborators of journals, and invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from chassis.identity import CurrentCaller, RecentCaller, bearer_token, only_from
from journal_contracts.api import JournalView
from journal_contracts.catalogue import GATEWAY
from journal_contracts.sharing import (
    AccessView,
    CollaboratorPage,
    CollaboratorView,
    InvitationPage,
    ShareOrder,
)
from orchestrator_service.collaborators import Collaborators
from orchestrator_service.orders import Desk

router = APIRouter(prefix="/v1", tags=["sharing"], dependencies=[Depends(only_from(GATEWAY))])


def collaborators(request: Request) -> Collaborators:
    found: Collaborators = request.app.state.collaborators
    return found


SharedWith = Annotated[Collaborators, Depends(collaborators)]


@router.get("/journals/{journal_id}/access")
async def show_access(journal_id: UUID, caller: CurrentCaller, request: Request) -> AccessView:
    """What the caller may do with a journal, and whose it is."""
    desk: Desk = request.app.state.desk
    return await desk.access(caller.user_id, journal_id)


@router.get("/journals/{journal_id}/collaborators")
async def list_collaborators(
    journal_id: UUID, caller: CurrentCaller, shared: SharedWith
) -> CollaboratorPage:
    """Whom a journal is shared with."""
    return await shared.page(caller.user_id, journal_id)


@router.post("/journals/{journal_id}/collaborators", status_code=201)
async def share_journal(
    journal_id: UUID, order: ShareOrder, caller: RecentCaller, shared: SharedWith
) -> CollaboratorView:
    """Invite somebody to a journal, or give them another role: that outlasts a stolen session."""
    return await shared.share(caller.user_id, journal_id, order)


@router.delete("/journals/{journal_id}/collaborators/{collaborator_id}", status_code=204)
async def remove_collaborator(
    journal_id: UUID, collaborator_id: UUID, caller: CurrentCaller, shared: SharedWith
) -> None:
    """Take somebody out, or leave."""
    await shared.remove(caller.user_id, journal_id, collaborator_id)


@router.get("/invitations")
async def list_invitations(
    caller: CurrentCaller, request: Request, shared: SharedWith
) -> InvitationPage:
    """What others want to share with the caller."""
    return await shared.invitations(caller.user_id, bearer_token(request, "Authorization"))


@router.post("/invitations/{invitation_id}/accept")
async def accept_invitation(
    invitation_id: UUID, caller: CurrentCaller, request: Request, shared: SharedWith
) -> JournalView:
    """Take an invitation."""
    token = bearer_token(request, "Authorization")
    return await shared.accept(caller.user_id, token, invitation_id)


@router.delete("/invitations/{invitation_id}", status_code=204)
async def decline_invitation(
    invitation_id: UUID, caller: CurrentCaller, request: Request, shared: SharedWith
) -> None:
    """Let an invitation be gone."""
    token = bearer_token(request, "Authorization")
    await shared.decline(caller.user_id, token, invitation_id)
