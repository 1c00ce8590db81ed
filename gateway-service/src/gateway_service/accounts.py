"""Accounts at the door: asked of the auth service, which owns them."""

import hashlib

from fastapi import APIRouter, Request, Response

from chassis.identity import bearer_token
from gateway_service.bodies import StrictRoute
from gateway_service.limits import (
    ACCOUNT,
    SIGN_IN,
    AskedLimits,
    Limits,
    Wish,
    address_of,
)
from gateway_service.owners import AskedOwners, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.api import AccountView, Credentials, TokenView

routes = APIRouter(
    prefix="/v1/auth",
    tags=["accounts"],
    route_class=StrictRoute,
    responses=documented(413, 422, 429, 503),
)


@routes.post("/register", status_code=201, response_model=AccountView, responses=documented(409))
async def register(
    credentials: Credentials, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Open an account."""
    await _room_to_guess(limits, request, credentials)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/register", body=credentials))


@routes.post("/login", response_model=TokenView, responses=documented(401))
async def login(
    credentials: Credentials, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Sign in: an access token, for requests (`Authorization: Bearer`) and for the socket."""
    await _room_to_guess(limits, request, credentials)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/login", body=credentials))


@routes.get("/me", response_model=AccountView, dependencies=signed_in, responses=documented(401))
async def me(request: Request, owners: AskedOwners) -> Response:
    """Whose token this is."""
    token = bearer_token(request, "Authorization")
    return passed_on(await owners.auth.ask("GET", "/v1/auth/me", token=token))


async def _room_to_guess(limits: Limits, request: Request, credentials: Credentials) -> None:
    """Passwords are guessed from many places at one account, or from one place at many."""
    account = hashlib.sha256(credentials.email.casefold().encode()).hexdigest()
    wishes = [Wish(ACCOUNT, account), Wish(SIGN_IN, address_of(request))]
    request.state.room = await limits.take(wishes, strictly=True)
