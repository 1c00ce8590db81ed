"""Signing in by others, at the door: browsers are sent to a provider, come back, and are let in.

Nothing that opens anything is in an address but what the provider puts there, which holds once and
for the browser with the cookie alone. Tokens are given as when somebody signs in with a password.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from chassis.identity import bearer_token
from gateway_service import oidc_cookies, refresh_cookies
from gateway_service.bodies import StrictRoute
from gateway_service.limits import AskedLimits, take_room
from gateway_service.oidc_cookies import OidcCookie, drawn_of
from gateway_service.owners import AskedOwners, Owners, asked, passed_on, picked
from gateway_service.problems import documented, signed_in
from journal_contracts.api import TokenView
from journal_contracts.oidc import (
    Drawn,
    IdentityPage,
    IdentityView,
    OidcArrived,
    OidcCode,
    OidcLink,
    OidcName,
    OidcProof,
    OidcProviderPage,
    OidcReturn,
    OidcSignIn,
    OidcStart,
    OidcStarted,
    OidcStepUp,
    OidcWord,
)

VISIT_COST = 5
Name = Annotated[OidcName, Path(examples=["example"])]

routes = APIRouter(
    prefix="/v1/auth/oidc",
    tags=["accounts"],
    route_class=StrictRoute,
    responses=documented(413, 422, 429, 503),
)


@routes.get("/providers", response_model=OidcProviderPage)
async def providers(request: Request, owners: AskedOwners, limits: AskedLimits) -> Response:
    """By whom you may sign in, beside a password."""
    await take_room(limits, request, 1)
    return passed_on(await owners.auth.ask("GET", "/v1/auth/oidc/providers"))


@routes.post(
    "/{provider}/start",
    response_model=OidcStarted,
    response_model_exclude={"browser"},
    responses=documented(404),
)
async def start(
    provider: Name, order: OidcStart, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """For browsers: where yours goes to sign in. It comes back with a cookie, to `next`, and there
    `POST /v1/auth/oidc/login` lets it in."""
    await take_room(limits, request, VISIT_COST)
    path = f"/v1/auth/oidc/{provider}/start"
    return oidc_cookies.into_cookie(await owners.auth.ask("POST", path, body=order))


@routes.post(
    "/{provider}/link",
    response_model=OidcStarted,
    response_model_exclude={"browser"},
    dependencies=signed_in,
    responses=documented(401, 404),
)
async def start_link(
    provider: Name, order: OidcStart, request: Request, owners: AskedOwners
) -> Response:
    """For browsers: where yours goes to bring an identity for your account; it is linked by
    `POST /v1/auth/oidc/identities`. Wants that you have just shown who you are."""
    return await _sent(owners, request, f"{provider}/link", order)


@routes.post(
    "/{provider}/prove",
    response_model=OidcStarted,
    response_model_exclude={"browser"},
    dependencies=signed_in,
    responses=documented(401, 404),
)
async def start_step_up(
    provider: Name, order: OidcStart, request: Request, owners: AskedOwners
) -> Response:
    """For browsers: where yours goes for you to show again who you are; `POST
    /v1/auth/oidc/step-up` then answers as `/v1/auth/step-up` does."""
    return await _sent(owners, request, f"{provider}/prove", order)


@routes.get(
    "/{provider}/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: {"description": "Go on at `next`"}, **documented(401, 403, 404, 410)},
)
async def callback(
    provider: Name,
    request: Request,
    owners: AskedOwners,
    limits: AskedLimits,
    *,
    state: Drawn,
    code: Annotated[OidcCode | None, Query()] = None,
    iss: Annotated[OidcWord | None, Query()] = None,
    error: Annotated[OidcWord | None, Query()] = None,
    cookie: OidcCookie = None,
) -> Response:
    """Where a provider sends your browser back; whatever else it says is not read."""
    await take_room(limits, request, VISIT_COST)
    back = OidcReturn(state=state, browser=drawn_of(cookie), code=code, iss=iss, error=error)
    path = f"/v1/auth/oidc/{provider}/callback"
    answer = await owners.auth.ask("POST", path, body=back)
    if not answer.is_success:
        return passed_on(answer)
    arrived = OidcArrived.model_validate_json(answer.content)
    return Response(status_code=303, headers={"Location": arrived.next})


@routes.post("/login", response_model=TokenView, responses=documented(401, 403, 409, 410))
async def login(
    order: OidcSignIn,
    request: Request,
    owners: AskedOwners,
    limits: AskedLimits,
    cookie: OidcCookie = None,
) -> Response:
    """For browsers that came back: sign in, and have the tokens as `/v1/auth/login` gives them.
    409 `account_exists`: sign in as you did, and link the provider."""
    await take_room(limits, request, VISIT_COST)
    refresh_cookies.check_origin(request)
    proof = OidcProof(browser=drawn_of(cookie), code=order.code)
    path, agent = "/v1/auth/oidc/login", picked(request, "user-agent")
    answer = await owners.auth.ask("POST", path, body=proof, headers=agent)
    told = refresh_cookies.into_cookie(answer) if order.cookie else passed_on(answer)
    return oidc_cookies.without_cookie(told) if answer.is_success else told


@routes.post(
    "/step-up",
    response_model=TokenView,
    response_model_exclude_none=True,
    dependencies=signed_in,
    responses=documented(401, 403, 410),
)
async def step_up(
    order: OidcStepUp, request: Request, owners: AskedOwners, cookie: OidcCookie = None
) -> Response:
    """Show by having come back that it is you: an access token for what answers 401
    `step_up_needed` without. Your session and its refresh token are the same."""
    refresh_cookies.check_origin(request)
    proof = OidcProof(browser=drawn_of(cookie), code=order.code)
    return await asked(request, owners.auth, "POST", "/v1/auth/oidc/step-up", body=proof)


@routes.get(
    "/identities",
    response_model=IdentityPage,
    dependencies=signed_in,
    responses=documented(401),
)
async def identities(request: Request, owners: AskedOwners) -> Response:
    """Who you are to providers that you may sign in by, and whether a password lets you in too."""
    return await asked(request, owners.auth, "GET", "/v1/auth/oidc/identities")


@routes.post(
    "/identities",
    status_code=201,
    response_model=IdentityView,
    dependencies=signed_in,
    responses=documented(401, 403, 409, 410),
)
async def link(request: Request, owners: AskedOwners, cookie: OidcCookie = None) -> Response:
    """For browsers that came back: sign in by this provider too, from now on. A letter says so."""
    refresh_cookies.check_origin(request)
    body = OidcLink(browser=drawn_of(cookie))
    return await asked(request, owners.auth, "POST", "/v1/auth/oidc/identities", body=body)


@routes.delete(
    "/identities/{identity_id}",
    status_code=204,
    dependencies=signed_in,
    responses=documented(401, 404, 409),
)
async def unlink(identity_id: UUID, request: Request, owners: AskedOwners) -> Response:
    """Sign in by it no more. 409 `last_way_in` where nothing else would let you in."""
    path = f"/v1/auth/oidc/identities/{identity_id}"
    return await asked(request, owners.auth, "DELETE", path)


async def _sent(owners: Owners, request: Request, what: str, order: OidcStart) -> Response:
    token = bearer_token(request, "Authorization")
    path = f"/v1/auth/oidc/{what}"
    return oidc_cookies.into_cookie(await owners.auth.ask("POST", path, token=token, body=order))
