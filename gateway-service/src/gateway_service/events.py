"""The socket's twin for those who only listen: server-sent events, and tickets for both."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from chassis.identity import Caller, bearer_token
from chassis.remembered import SessionEnded
from gateway_service.connection import Connection, End
from gateway_service.connections import REVOKED
from gateway_service.ends import GONE, Ended, end_of
from gateway_service.following import Following
from gateway_service.frames import text
from gateway_service.idempotency import AskedOnce
from gateway_service.limits import AskedLimits, user_has_room
from gateway_service.problems import documented, signed_in
from gateway_service.socket import CLOSE_SECONDS, Sockets
from gateway_service.tickets import SECONDS, Tickets
from journal_contracts.api import TicketView
from journal_contracts.realtime import Bye, Resume

LAST: Final = r"^[0-9a-f]{32}:[0-9]{1,15}$"
STREAM: Final[dict[str, Any]] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}

routes = APIRouter(prefix="/v1", tags=["live"], responses=documented(401, 422, 429, 503))


@routes.post(
    "/rt/ticket",
    response_model=TicketView,
    status_code=201,
    dependencies=signed_in,
    responses=documented(409),
)
async def ticket(request: Request, once: AskedOnce) -> Response:
    """A ticket to connect with where a token cannot be said: for 30 seconds, and for one use."""
    tickets: Tickets = request.app.state.sockets.tickets

    async def give() -> Response:
        given = await tickets.give(bearer_token(request, "Authorization"))
        view = TicketView(ticket=given, expires_in=SECONDS)
        return Response(view.model_dump_json(), 201, media_type="application/json")

    return await once(give, strict=True)


@routes.get("/events", response_class=Response, responses={200: STREAM})
async def events(
    request: Request,
    limits: AskedLimits,
    last_event_id: Annotated[str | None, Header(pattern=LAST)] = None,
    ticket: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What `jcc.rt.v1` says, as server-sent events; `Last-Event-ID` says where to go on."""
    sockets = request.app.state.sockets
    if ticket is None:
        token = bearer_token(request, "Authorization")
    else:
        token = await sockets.tickets.take(ticket)
    caller = await sockets.verifier.verify(token)
    await user_has_room(request, limits, caller)
    return EventStream(sockets, caller, token, _resume(last_event_id))


class EventStream(Response):
    """One listener, from the headers to `bye`."""

    media_type = "text/event-stream"

    def __init__(self, sockets: Sockets, caller: Caller, token: str, resume: Resume | None) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no", "Connection": "close"})
        del self.headers["content-length"]
        self._with = sockets.sources
        self._revoked = sockets.verifier.revoked
        self._caller = caller
        self._token = token
        self._resume = resume
        self._connection = Connection(caller.user_id, caller.session_id)
        self._epoch = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        self._out = send
        try:
            async with self._with.connected(self._connection):
                self._check_again()
                following = Following(self._with, self._connection, self._send)
                await following.catch_up_first(self._resume, self._token)
                await following.live(partial(_until_gone, receive), self._caller.expires_at)
        except Exception as error:
            await self._say_bye(end_of(error))

    def _check_again(self) -> None:
        """The session may have ended between the look at the token and now."""
        try:
            self._revoked.check(self._caller.session_id)
        except SessionEnded:
            raise Ended(REVOKED) from None

    async def _say_bye(self, end: End) -> None:
        if end is GONE:
            return
        bye = Bye(code=end.code, reconnect=end.reconnect, after_ms=end.after_ms)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send([text(bye)])
                await self._out({"type": "http.response.body", "body": b""})

    async def _send(self, frames: Sequence[bytes]) -> None:
        body = b"".join(map(self._event, frames))
        await self._out({"type": "http.response.body", "body": body, "more_body": True})

    def _event(self, frame: bytes) -> bytes:
        """A frame, with the position it brings the listener to where it brings them to one."""
        told = json.loads(frame)
        self._epoch = told.get("epoch", self._epoch)
        at = told.get("o") if told["t"] in ("event", "snapshot") else None
        place = "" if at is None else f"id: {self._epoch}:{at}\n"
        return b"%bdata: %b\n\n" % (place.encode(), frame)


def _resume(last: str | None) -> Resume | None:
    if last is None:
        return None
    epoch, _, offset = last.partition(":")
    return Resume(epoch=epoch, o=int(offset))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise Ended(GONE)
