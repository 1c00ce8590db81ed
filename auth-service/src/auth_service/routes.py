"""What this service answers: sign up, sign in, who am I, and tokens for services."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service.passwords import Passwords
from auth_service.store import (
    Account,
    Session,
    add_account,
    find_account,
    find_signed_in,
    is_operator,
    show_once,
)
from auth_service.tokens import SERVICE_TOKEN_LIFE, USER_TOKEN_LIFE, InvalidClient, Tokens
from chassis.database import Database
from chassis.errors import Conflict, ServiceError, Unauthorized
from chassis.identity import CurrentCaller
from chassis.ids import new_id, now
from journal_contracts.api import AccountView, Credentials, TokenView

KEYS_MAY_BE_KEPT = "public, max-age=60"


class EmailTaken(Conflict):
    """There is an account with this address."""


class EmailUnfit(ServiceError):
    """An address that no mail could go to."""

    status = 422


class WrongCredentials(Unauthorized):
    """No such account, or another password; nobody is told which."""


class TokenRequest(BaseModel):
    """A service asks for its own token (RFC 6749 4.4, RFC 7523 2.2)."""

    model_config = ConfigDict(frozen=True)
    grant_type: Literal["client_credentials"]
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    client_assertion: Annotated[str, Field(max_length=8_192)]
    client_id: str | None = None
    scope: Literal["service"] = "service"


@dataclass(frozen=True)
class Desk:
    """What the routes work with."""

    database: Database
    passwords: Passwords
    tokens: Tokens


def desk(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


AtDesk = Annotated[Desk, Depends(desk)]
routes = APIRouter()


@routes.post("/v1/auth/register", status_code=201)
async def register(credentials: Credentials, at: AtDesk) -> AccountView:
    """Open an account. 409 `email_taken` if the address has one."""
    account = Account(
        id=new_id(),
        email=_mailable(credentials.email),
        password_hash=await at.passwords.hash(credentials.password),
        created_at=now(),
    )
    async with at.database.transaction() as session:
        if not await add_account(session, account):
            raise EmailTaken("There is an account with this address.")
    return _view(account)


@routes.post("/v1/auth/login")
async def login(credentials: Credentials, at: AtDesk, response: Response) -> TokenView:
    """Begin a session. The answer to an unknown address is the one to a wrong password."""
    account = await _find(credentials.email, at)
    kept = account.password_hash if account else None
    if not await at.passwords.match(credentials.password, kept) or account is None:
        raise WrongCredentials("The address or the password is wrong.")
    begun = now()
    signed_in = Session(
        id=new_id(), user_id=account.id, created_at=begun, expires_at=begun + USER_TOKEN_LIFE
    )
    async with at.database.transaction() as session:
        session.add(signed_in)
        operates = await is_operator(session, account.id)
    token = at.tokens.for_user(account.id, signed_in.id, new_id(), begun, operates=operates)
    response.headers["Cache-Control"] = "no-store"
    return TokenView(access_token=token, expires_in=int(USER_TOKEN_LIFE.total_seconds()))


@routes.get("/v1/auth/me")
async def me(caller: CurrentCaller, at: AtDesk) -> AccountView:
    """The account the token speaks for."""
    async with at.database.transaction() as session:
        account = await find_signed_in(session, caller.user_id, caller.session_id, now())
    if account is None:
        raise Unauthorized("The session has ended.")
    return _view(account)


@routes.post("/v1/auth/token")
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
    return at.tokens.public_keys


async def _find(email: str, at: Desk) -> Account | None:
    if not email.isprintable():  # no account has such an address, and PostgreSQL refuses NUL
        return None
    async with at.database.transaction() as session:
        return await find_account(session, email)


def _mailable(email: str) -> str:
    if not email.isprintable():
        raise EmailUnfit("An address has no control characters.")
    return email


def _view(account: Account) -> AccountView:
    return AccountView(id=account.id, email=account.email, created_at=account.created_at)
