"""Accounts at the door: asked of the auth service, which owns them."""

from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from chassis.identity import CurrentCaller
from gateway_service import refresh_cookies
from gateway_service.bodies import StrictRoute
from gateway_service.limits import (
    AskedLimits,
    named_by,
    take_room,
    take_room_to_guess,
)
from gateway_service.owners import AskedOwners, Owners, asked, passed_on, picked
from gateway_service.problems import documented, signed_in
from gateway_service.refresh_cookies import RefreshCookie
from journal_contracts.api import AccountView, Credentials, TokenView
from journal_contracts.sessions import (
    AccountDeletion,
    Addressed,
    PasswordChange,
    RecoveryCodes,
    RefreshOrder,
    SessionPage,
    SignIn,
    StepUp,
    TotpConfirmation,
    TotpOrder,
    TotpRemoval,
    TotpView,
)

REFRESH_COST = 5


async def _room_to_prove(request: Request, limits: AskedLimits, caller: CurrentCaller) -> None:
    """Who has somebody's token may guess at the password as often as who has none."""
    await take_room_to_guess(limits, request, str(caller.user_id))


proven = [*signed_in, Depends(_room_to_prove)]
"""Of routes that want the password again."""

routes = APIRouter(
    prefix="/v1/auth",
    tags=["accounts"],
    route_class=StrictRoute,
    responses=documented(413, 422, 429, 503),
)


@routes.post("/register", status_code=202, response_model=Addressed)
async def register(
    credentials: Credentials, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Open an account. The answer is the same where the address has one: a letter tells."""
    await take_room_to_guess(limits, request, named_by(credentials.email))
    return passed_on(await owners.auth.ask("POST", "/v1/auth/register", body=credentials))


@routes.post("/login", response_model=TokenView, responses=documented(401))
async def login(
    sign_in: SignIn, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Sign in: an access token, for requests (`Authorization: Bearer`) and for the socket, and a
    refresh token, which with `cookie` comes as one."""
    await take_room_to_guess(limits, request, named_by(sign_in.email))
    answer = await _ask(owners, request, "login", sign_in)
    return refresh_cookies.into_cookie(answer) if sign_in.cookie else passed_on(answer)


@routes.post("/refresh", response_model=TokenView, responses=documented(401, 403, 409))
async def refresh(
    request: Request,
    owners: AskedOwners,
    limits: AskedLimits,
    body: RefreshOrder | None = None,
    cookie: RefreshCookie = None,
) -> Response:
    """The next access token, for the refresh token in the body or in the cookie. It holds once:
    who asks twice within moments is told 409 `refresh_raced`, later the session ends."""
    await take_room(limits, request, REFRESH_COST)
    order = refresh_cookies.order_of(request, body, cookie)
    answer = await _ask(owners, request, "refresh", order)
    return passed_on(answer) if body else refresh_cookies.into_cookie(answer)


@routes.post(
    "/step-up",
    response_model=TokenView,
    response_model_exclude_none=True,
    dependencies=proven,
    responses=documented(401),
)
async def step_up(proof: StepUp, request: Request, owners: AskedOwners) -> Response:
    """Show again that it is you: an access token for what answers 401 `step_up_needed` without.
    Your session and its refresh token are the same."""
    return await _post(owners, request, "step-up", proof)


@routes.post("/logout", status_code=204, dependencies=signed_in, responses=documented(401))
async def logout(request: Request, owners: AskedOwners) -> Response:
    """End this session: its tokens hold no longer, wherever they are shown."""
    return refresh_cookies.without_cookie(await _post(owners, request, "logout"))


@routes.post(
    "/logout-everywhere", status_code=204, dependencies=signed_in, responses=documented(401)
)
async def logout_everywhere(request: Request, owners: AskedOwners) -> Response:
    """End all your sessions, this one too."""
    return refresh_cookies.without_cookie(await _post(owners, request, "logout-everywhere"))


@routes.get(
    "/sessions", response_model=SessionPage, dependencies=signed_in, responses=documented(401)
)
async def sessions(request: Request, owners: AskedOwners) -> Response:
    """Where you are signed in."""
    return await asked(request, owners.auth, "GET", "/v1/auth/sessions")


@routes.delete(
    "/sessions/{session_id}",
    status_code=204,
    dependencies=signed_in,
    responses=documented(401, 404),
)
async def end_session(session_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """End one of your sessions."""
    return await asked(request, owners.auth, "DELETE", f"/v1/auth/sessions/{session_id}")


@routes.post("/password", status_code=204, dependencies=proven, responses=documented(401))
async def password(change: PasswordChange, request: Request, owners: AskedOwners) -> Response:
    """Change the password: with the old one. All your other sessions end."""
    return await _post(owners, request, "password", change)


@routes.post("/delete-account", status_code=204, dependencies=proven, responses=documented(401))
async def delete_account(
    deletion: AccountDeletion, request: Request, owners: AskedOwners
) -> Response:
    """Delete your account, with its password. All your sessions end."""
    answer = await _post(owners, request, "delete-account", deletion)
    return answer if answer.status_code >= 400 else refresh_cookies.without_cookie(answer)


@routes.get("/me", response_model=AccountView, dependencies=signed_in, responses=documented(401))
async def me(request: Request, owners: AskedOwners) -> Response:
    """Whose token this is."""
    return await asked(request, owners.auth, "GET", "/v1/auth/me")


@routes.post(
    "/totp",
    status_code=201,
    response_model=TotpView,
    dependencies=proven,
    responses=documented(401, 409),
)
async def set_up_totp(order: TotpOrder, request: Request, owners: AskedOwners) -> Response:
    """A secret for your authenticator; it counts once you confirm it with a code."""
    return await _post(owners, request, "totp", order)


@routes.post(
    "/totp/confirm",
    response_model=RecoveryCodes,
    dependencies=proven,
    responses=documented(401, 409),
)
async def confirm_totp(
    confirmation: TotpConfirmation, request: Request, owners: AskedOwners
) -> Response:
    """Let codes be asked for from now on. The recovery codes are told this once."""
    return await _post(owners, request, "totp/confirm", confirmation)


@routes.post("/totp/remove", status_code=204, dependencies=proven, responses=documented(401))
async def remove_totp(removal: TotpRemoval, request: Request, owners: AskedOwners) -> Response:
    """Let no code be asked for any more: with the password and a code."""
    return await _post(owners, request, "totp/remove", removal)


async def _ask(owners: Owners, request: Request, what: str, body: BaseModel) -> httpx.Response:
    """The auth service is told what program asks: users know their sessions by it."""
    agent = picked(request, "user-agent")
    return await owners.auth.ask("POST", f"/v1/auth/{what}", body=body, headers=agent)


async def _post(
    owners: Owners, request: Request, what: str, body: BaseModel | None = None
) -> Response:
    return await asked(request, owners.auth, "POST", f"/v1/auth/{what}", body=body)
