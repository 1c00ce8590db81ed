"""Whose journals are, said to the service that keeps their owners' keys."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request

from chassis.errors import NotFound
from chassis.identity import only_from
from journal_contracts.catalogue import AUTH
from journal_contracts.vault import JournalOwner
from orchestrator_service.library import Shelf

router = APIRouter(prefix="/v1/owners", dependencies=[Depends(only_from(AUTH))])


@router.get("/{journal_id}")
async def owner(journal_id: UUID, request: Request) -> JournalOwner:
    """Whose a journal is, and whether it goes on."""
    shelf: Shelf = request.app.state.shelf
    found = await shelf.owner_of(journal_id)
    if found is None:
        raise NotFound("There is no such journal.")
    return found
