"""What this service answers: who am I, tokens for services, and its public keys."""

import contextlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service.desk import AtDesk, WhoIsPresent
from auth_service.store import show_once
from auth_service.tokens import SERVICE_TOKEN_LIFE, InvalidClient
from chassis.database import DatabaseAway
from chassis.ids import new_id, now
from journal_contracts.api import AccountView, TokenView

KEYS_MAY_BE_KEPT = "public, max-age=60"


class TokenRequest(BaseModel):
    """A service asks for its own token (RFC 6749 4.4, RFC 7523 2.2)."""

    model_config = ConfigDict(frozen=True)
    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: Annotated[str, Field(max_length=8_192)]
    client_id: str | None = None
    scope: Literal["service"] = "service"


routes = APIRouter()


@routes.get("/v1/auth/me")
async def me(who: WhoIsPresent) -> AccountView:
    """The account the token speaks for."""
    account = who.account
    return AccountView(
        id=account.id,
        email=account.email,
        created_at=account.created_at,
        verified=account.verified_at is not None,
    )


@routes.post("/v1/auth/token", response_model_exclude_none=True)
async def token(
    asked: Annotated[TokenRequest, Form()], at: AtDesk, response: Response
) -> TokenView:
    """A service's own token, for an assertion that was never shown before."""
    present = now()
    assertion = at.tokens.read_assertion(asked.client_assertion, present)
    async with at.database.transaction() as session:
        if not await show_once(session, assertion, present):
            raise InvalidClient("The assertion was shown before.")
    issued = at.tokens.for_service(assertion.service, new_id(), present)
    response.headers["Cache-Control"] = "no-store"
    return TokenView(access_token=issued, expires_in=int(SERVICE_TOKEN_LIFE.total_seconds()))


@routes.get("/.well-known/jwks.json")
async def public_keys(at: AtDesk, response: Response) -> dict[str, Any]:
    """The keys that access tokens are checked with."""
    response.headers["Cache-Control"] = KEYS_MAY_BE_KEPT
    with contextlib.suppress(DatabaseAway):
        async with at.database.transaction() as session:
            await at.read_ring(session)
    return at.tokens.ring.as_set()
