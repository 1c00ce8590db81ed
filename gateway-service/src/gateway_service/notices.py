"""Letters about journals, at the door: which are wanted, where they lead, and how they stop."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from gateway_service.bodies import StrictRoute
from gateway_service.docs import STYLE, page
from gateway_service.limits import AskedLimits, take_room
from gateway_service.owners import AskedOwners, asked, passed_on
from gateway_service.problems import documented, signed_in
from journal_contracts.sessions import NoticesStop, NoticeWishes

STOP_COST: Final = 5
STOPPED: Final = '<script defer src="/docs/stop.js"></script>'
STOP: Final = (
    "<h1>No more letters?</h1><p>Neither when a journal waits for you, nor when books are done.</p>"
    '<button id="stop">Stop them</button><p id="said" role="status"></p>'
)
SHOWN: Final = '<script defer src="/docs/journal.js"></script>'
SIGN_IN: Final = (
    '<h1 id="what">Your journal</h1><form id="door">'
    '<label>Address <input id="email" type="email" autocomplete="username" required></label> '
    '<label>Password <input id="password" type="password" autocomplete="current-password" '
    "required></label> "
    '<label>Code, if you have an authenticator <input id="code" inputmode="numeric"></label> '
    '<button>Sign in</button></form><nav id="others"></nav><p id="said" role="status"></p>'
    '<div id="asked"></div>'
    '<ul id="files"></ul>'
)

routes = APIRouter(
    prefix="/v1/auth/notices", tags=["accounts"], responses=documented(413, 422, 429, 503)
)
pages = APIRouter(include_in_schema=False)
chosen = APIRouter(
    prefix="/v1/auth/notices",
    tags=["accounts"],
    route_class=StrictRoute,
    dependencies=signed_in,
    responses=documented(401, 413, 422, 429, 503),
)


@chosen.get("", response_model=NoticeWishes)
async def wishes(request: Request, owners: AskedOwners) -> Response:
    """What you are written to about."""
    return await asked(request, owners.auth, "GET", "/v1/auth/notices")


@chosen.put("", response_model=NoticeWishes)
async def choose(wanted: NoticeWishes, request: Request, owners: AskedOwners) -> Response:
    """Choose what you are written to about, once your address is verified."""
    return await asked(request, owners.auth, "PUT", "/v1/auth/notices", body=wanted)


@routes.post("/stop", status_code=204, responses=documented(410))
async def stop(
    token: Annotated[str, Query(pattern=r"^[A-Za-z0-9_=-]{20,200}$")],
    request: Request,
    owners: AskedOwners,
    limits: AskedLimits,
) -> Response:
    """What a mail program asks for whoever wants no more letters (RFC 8058); its body is not read.

    The link is in the letter, and does this alone: nobody has to sign in.
    """
    await take_room(limits, request, STOP_COST)
    order = NoticesStop(token=token)
    return passed_on(await owners.auth.ask("POST", "/v1/auth/notices/stop", body=order))


@pages.get("/v1/auth/notices/stop")
async def stop_page() -> Response:
    """The same link for people: a program that only looks at links stops nothing."""
    return page("No more letters", STYLE + STOPPED, STOP)


@pages.get("/journal")
async def journal() -> Response:
    """Where letters about a journal lead: its question and its files, for who signs in."""
    return page("Your journal", STYLE + SHOWN, SIGN_IN)
