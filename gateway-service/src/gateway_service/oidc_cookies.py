"""The cookie of a browser that was sent to a provider: whoever comes back has to have it.

It is for this host alone and no other page can send it along, but a browser that is led back here
does. It holds nothing that anybody could read.
"""

from typing import Annotated, Final

import httpx
from fastapi import Cookie, Response

from chassis.errors import ServiceError
from gateway_service.owners import passed_on
from journal_contracts.oidc import Drawn, OidcStarted

NAME: Final = "__Host-jcc-oidc"
SECONDS: Final = 600

OidcCookie = Annotated[Drawn | None, Cookie(alias=NAME)]


class VisitVoid(ServiceError):
    """This browser was not sent anywhere, or came back too late."""

    status = 410


def drawn_of(cookie: str | None) -> str:
    """What the cookie holds; raises `VisitVoid` where there is none."""
    if cookie is None:
        raise VisitVoid("This holds no more. Begin once more.")
    return cookie


def into_cookie(answer: httpx.Response) -> Response:
    """The owner's answer, without what is for the cookie alone."""
    if not answer.is_success:
        return passed_on(answer)
    told = OidcStarted.model_validate_json(answer.content)
    shown = told.model_dump_json(exclude={"browser"})
    response = Response(shown, answer.status_code, media_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    _set(response, told.browser or "", SECONDS)
    return response


def without_cookie(response: Response) -> Response:
    """The same, and the browser forgets the cookie."""
    _set(response, "", 0)
    return response


def _set(response: Response, drawn: str, seconds: int) -> None:
    response.set_cookie(
        NAME, drawn, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )
