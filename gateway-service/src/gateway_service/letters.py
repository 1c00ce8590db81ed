"""What goes by letter, at the door: whose an address is, a forgotten password, another address."""

from typing import Final

from fastapi import APIRouter, Request, Response

from gateway_service.accounts import proven
from gateway_service.bodies import StrictRoute
from gateway_service.docs import STYLE, page
from gateway_service.limits import (
    AskedLimits,
    Limits,
    digest_of,
    named_by,
    take_room_to_guess,
)
from gateway_service.owners import AskedOwners, asked, passed_on
from gateway_service.problems import documented
from journal_contracts.sessions import (
    Addressed,
    ForgottenPassword,
    MailChange,
    MailProof,
    MailToken,
    NewPassword,
    VerificationWish,
)

SCRIPT: Final = '<script defer src="/docs/letter.js"></script>'
FORM: Final = (
    '<h1 id="what"></h1><form id="answer"><label>Password '
    '<input id="password" type="password" minlength="15" maxlength="256" required></label> '
    '<button>Go on</button></form><p id="said" role="status"></p>'
)

routes = APIRouter(
    prefix="/v1/auth",
    tags=["accounts"],
    route_class=StrictRoute,
    responses=documented(413, 422, 429, 503),
)
pages = APIRouter(include_in_schema=False)


@pages.get("/letter")
async def letter() -> Response:
    """Where links in letters lead; what they bring stands behind the '#' and stays there."""
    return page("Your letter", STYLE + SCRIPT, FORM)


@routes.post("/forgot", status_code=202, response_model=Addressed)
async def forgot(
    forgotten: ForgottenPassword, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Have a letter sent with which a new password is chosen, if there is such an account."""
    await take_room_to_guess(limits, request, named_by(forgotten.email))
    return passed_on(await owners.auth.ask("POST", "/v1/auth/forgot", body=forgotten))


@routes.post("/reset", status_code=204, responses=documented(410))
async def reset(
    order: NewPassword, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Choose a new password with what the letter said. All your sessions end."""
    await _room_to_show(limits, request, order.token)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/reset", body=order))


@routes.post("/verify", status_code=204, responses=documented(401, 410))
async def verify(
    proof: MailProof, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Say that the address is yours: with what the letter said, and the password."""
    await _room_to_show(limits, request, proof.token)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/verify", body=proof))


@routes.post(
    "/verify/again",
    status_code=202,
    response_model=Addressed,
    dependencies=proven,
    responses=documented(401),
)
async def verify_again(wish: VerificationWish, request: Request, owners: AskedOwners) -> Response:
    """Have the letter that verifies your address sent once more."""
    return await asked(request, owners.auth, "POST", "/v1/auth/verify/again", body=wish)


@routes.post(
    "/mail",
    status_code=202,
    response_model=Addressed,
    dependencies=proven,
    responses=documented(401),
)
async def change(order: MailChange, request: Request, owners: AskedOwners) -> Response:
    """Have a letter sent to the address your account shall move to."""
    return await asked(request, owners.auth, "POST", "/v1/auth/mail", body=order)


@routes.post("/mail/confirm", status_code=204, responses=documented(401, 409, 410))
async def confirm_change(
    proof: MailProof, request: Request, owners: AskedOwners, limits: AskedLimits
) -> Response:
    """Move there: with what the letter said, and the password."""
    await _room_to_show(limits, request, proof.token)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/mail/confirm", body=proof))


async def _room_to_show(limits: Limits, request: Request, token: MailToken) -> None:
    """Who has a letter may guess at the password as often as who has none."""
    await take_room_to_guess(limits, request, digest_of(token))
