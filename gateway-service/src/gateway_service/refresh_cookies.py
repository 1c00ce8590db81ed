"""Refresh tokens of browsers: kept in a cookie that no script can read and no other page can send.

A page says that it wants one when it signs in; from then on the token is in no body. Whoever shows
the cookie has to come from a page of ours: the browser says so, in `Origin`.
"""

from typing import Annotated, Final

import httpx
from fastapi import Cookie, Request, Response

from chassis.errors import Forbidden, Unauthorized
from gateway_service.owners import passed_on
from journal_contracts.api import TokenView
from journal_contracts.sessions import RefreshOrder, RefreshToken

NAME: Final = "__Secure-jcc-refresh"
PATH: Final = "/v1/auth"

RefreshCookie = Annotated[RefreshToken | None, Cookie(alias=NAME)]


class ForeignPage(Forbidden):
    """A cookie that was sent from a page that is none of ours, or from none at all."""


def order_of(request: Request, body: RefreshOrder | None, cookie: str | None) -> RefreshOrder:
    """What is asked for; a body goes before a cookie."""
    if body is not None:
        return body
    if cookie is None:
        raise Unauthorized("There is no refresh token.")
    check_origin(request)
    return RefreshOrder(refresh_token=cookie)


def check_origin(request: Request) -> None:
    """Raises `ForeignPage` where a request with a cookie is from no page of ours."""
    origin = request.headers.get("origin")
    if origin is None or not request.app.state.sockets.welcomes(
        origin, request.headers.get("host")
    ):
        raise ForeignPage("Pages from there may not use this cookie.")


def into_cookie(answer: httpx.Response) -> Response:
    """The owner's answer with its refresh token in a cookie; a refusal takes the cookie back."""
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return without_cookie(passed_on(answer))
    if not answer.is_success:
        return passed_on(answer)
    told = TokenView.model_validate_json(answer.content)
    shown = told.model_copy(update={"refresh_token": None}).model_dump_json()
    response = Response(shown, answer.status_code, media_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    _set(response, told.refresh_token or "", told.refresh_expires_in or 0)
    return response


def without_cookie(response: Response) -> Response:
    """The same, and the browser forgets the cookie."""
    _set(response, "", 0)
    return response


def _set(response: Response, token: str, seconds: int) -> None:
    response.set_cookie(
        NAME, token, max_age=seconds, path=PATH, secure=True, httponly=True, samesite="strict"
    )
