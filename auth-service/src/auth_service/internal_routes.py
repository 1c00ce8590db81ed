"""What services ask about sessions; nobody else is answered."""

from datetime import datetime

from fastapi import APIRouter, Depends, Request

from auth_service.desk import AtDesk
from auth_service.revocations import list_since
from auth_service.roles import standing_of
from auth_service.sessions import find_running
from chassis.claims import USER_SCOPE
from chassis.errors import Unauthorized
from chassis.identity import Verifier, only_from
from journal_contracts.catalogue import GATEWAY, MEDIA, ORCHESTRATOR
from journal_contracts.sessions import RevocationPage, TokenQuestion, TokenTruth

routes = APIRouter(
    prefix="/v1/auth", dependencies=[Depends(only_from(GATEWAY, ORCHESTRATOR, MEDIA))]
)


@routes.get("/revocations")
async def revocations(at: AtDesk, since: datetime | None = None) -> RevocationPage:
    """Sessions that were revoked since then, or so long ago that it still matters."""
    async with at.database.transaction() as session:
        asked_at, revoked = await list_since(session, since)
        ring = await at.read_ring(session)
    return RevocationPage(at=asked_at, revoked=tuple(revoked), keys=ring.names)


@routes.post("/introspect")
async def introspect(question: TokenQuestion, request: Request, at: AtDesk) -> TokenTruth:
    """Whether the session behind a token runs now, and what its user may do now."""
    verifier: Verifier = request.app.state.verifier
    try:
        caller = await verifier.verify(question.token)
    except Unauthorized:
        return TokenTruth(active=False)
    async with at.database.transaction() as session:
        if await find_running(session, caller.user_id, caller.session_id) is None:
            return TokenTruth(active=False)
        standing = await standing_of(session, caller.user_id)
    return TokenTruth(active=True, scope=" ".join((USER_SCOPE, *standing.scopes)))
