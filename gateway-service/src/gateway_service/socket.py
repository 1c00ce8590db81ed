"""One socket of `jcc.rt.v1`, from its first frame to its last."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from fastapi import WebSocket
from pydantic import Field, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.errors import Unauthorized, problem
from chassis.handshakes import socket_of
from chassis.identity import Caller, Verifier
from chassis.remembered import SessionEnded
from chassis.sockets import Gone, Wire, framed
from gateway_service.bodies import NotStrict, strict_json
from gateway_service.connection import Connection, End
from gateway_service.connections import REVOKED
from gateway_service.ends import TOKEN_EXPIRED, Ended, end_of
from gateway_service.following import Following, Sources
from gateway_service.frames import text
from gateway_service.pace import Pace
from gateway_service.tickets import Tickets
from journal_contracts.realtime import (
    SUBPROTOCOL,
    Auth,
    Bye,
    Decide,
    DecideRefused,
    Frame,
    Hello,
    Pong,
    Read,
)

PATH: Final = "/v1/rt"
BAD_FRAME: Final = End(4400, reconnect=False)
WRONG_VERSION: Final = End(4406, reconnect=False)
HELLO_TOO_LATE: Final = End(4408)
LONGEST_FRAME: Final = 64 * 1024
ENTERING: Final = 32
"""Sockets that are told at one time what they missed."""
CLOSE_SECONDS: Final = 2.0
"""For the goodbye: who does not even take that is cut off."""

Word = Auth | Decide | Read | Pong
said: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="t")])


class _Refusable(Frame):
    """As much of a `decide` as it takes to answer it."""

    t: Literal["decide"]
    id: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True)
class Sockets:
    """What every socket works with."""

    verifier: Verifier
    tickets: Tickets
    sources: Sources
    allowed_origins: tuple[str, ...] = ()
    entrance: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ENTERING))
    """When all come back at once, they come in one after the other: nothing is asked for them so
    often that its answers are late for everybody."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the handshake; who may talk goes on until one of the two ends it."""
        websocket = WebSocket(scope, receive, send)
        if (refusal := self._refusal(websocket)) is not None:
            await websocket.send_denial_response(problem(*refusal))
            return
        await websocket.accept(SUBPROTOCOL)
        socket = socket_of(scope)
        socket.goes_on(_Talk(self, socket).run)

    def welcomes(self, origin: str | None, host: str | None) -> bool:
        """Browsers say where a page comes from; other clients say nothing and bring a token."""
        return origin is None or origin in self.allowed_origins or urlsplit(origin).netloc == host

    def _refusal(self, websocket: WebSocket) -> tuple[int, str, str] | None:
        if not self.welcomes(websocket.headers.get("origin"), websocket.headers.get("host")):
            return 403, "foreign_origin", "Pages from there may not connect."
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            return 400, "unknown_subprotocol", f"This socket speaks {SUBPROTOCOL}."
        return None


@dataclass(frozen=True)
class SocketsFirst:
    """Takes sockets before anything made for requests: each would keep all of it while it lives."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == PATH:
            sockets: Sockets = scope["app"].state.sockets
            await sockets.serve(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _Talk:
    """One client. Only `run` and what it awaits send; everybody else leaves frames to be sent."""

    __slots__ = ("_expires_at", "_times", "_token", "_wire", "_with")

    def __init__(self, sockets: Sockets, wire: Wire) -> None:
        self._with = sockets
        self._times = sockets.sources.times
        self._wire = wire
        self._token = ""
        self._expires_at = 0

    async def run(self) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                following, until = await self._enter(stack)
                await following.live(partial(self._listen, following), until)
        except Exception as error:
            await self._close(end_of(error))

    # --- before it is live ----------------------------------------------------------------------

    async def _enter(self, stack: contextlib.AsyncExitStack) -> tuple[Following, float]:
        """Where a client is live from here on, and until when it may be."""
        hello = await self._hello()
        self._token = hello.token or await self._with.tickets.take(hello.ticket)
        async with self._with.entrance:
            caller = await self._caller(self._token)
            connection = Connection(caller.user_id, caller.session_id)
            following = Following(self._with.sources, connection, self._send, self._send_at_once)
            await stack.enter_async_context(self._with.sources.connected(connection))
            await following.catch_up_first(hello.resume, self._token)
        return following, self._until(caller)

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(self._times.hello):
                first = await self._receive()
        except TimeoutError:
            raise Ended(HELLO_TOO_LATE) from None
        if not isinstance(first, dict) or first.get("t") != "hello":
            raise Ended(BAD_FRAME)
        if first.get("v") != 1:
            raise Ended(WRONG_VERSION)
        try:
            return Hello.model_validate(first)
        except ValidationError:
            raise Ended(BAD_FRAME) from None

    async def _caller(self, token: str) -> Caller:
        try:
            return await self._with.verifier.verify(token)
        except SessionEnded:
            raise Ended(REVOKED) from None
        except Unauthorized:
            raise Ended(TOKEN_EXPIRED) from None

    # --- live -----------------------------------------------------------------------------------

    def _until(self, caller: Caller) -> float:
        """The next token has until then to come."""
        self._expires_at = caller.expires_at
        return caller.expires_at + self._times.grace

    async def _listen(self, following: Following) -> None:
        pace = Pace(time.monotonic)
        while True:
            frames = await self._receive()
            for frame in frames if isinstance(frames, list) else [frames]:
                pace.take()
                if (reply := await self._reply(following, frame)) is not None:
                    following.connection.say(text(reply))

    async def _reply(self, following: Following, frame: Any) -> Frame | None:
        connection = following.connection
        try:
            word = said.validate_python(frame)
        except ValidationError:
            return _refusal(frame)
        match word:
            case Decide():
                return await self._with.sources.library.decide(word, self._token)
            case Auth(token=token):
                await self._go_on_with(following, token)
            case Read(on=True):
                await self._read_along(connection, word)
            case Read():
                connection.reading.turn(word)
        return None

    async def _read_along(self, connection: Connection, word: Read) -> None:
        """Of a journal of others only what its owner lets this user see, and as long as they do."""
        sources = self._with.sources
        owner = await sources.library.shared_by(word.journal, self._token)
        connection.reading.turn(word)
        if owner is not None:
            sources.connections.watch(connection, word.journal, owner)
            await sources.listener.listen_for(owner)
        await sources.listener.ask_for_text(owner or connection.user_id, word.journal)

    async def _go_on_with(self, following: Following, token: str) -> None:
        """The same user's next token; an older one than what we have changes nothing."""
        caller = await self._caller(token)
        if caller.user_id != following.connection.user_id:
            raise Ended(BAD_FRAME)
        if caller.expires_at > self._expires_at:
            self._token = token
            following.connection.session_id = caller.session_id
            following.expire_at(self._until(caller))

    # --- the wire -------------------------------------------------------------------------------

    async def _receive(self) -> Any:
        word = await self._wire.hear()
        if isinstance(word, bytes) or len(word) > LONGEST_FRAME:
            raise Ended(BAD_FRAME)
        try:
            return strict_json(word)
        except NotStrict:
            raise Ended(BAD_FRAME) from None

    async def _send(self, frames: Sequence[bytes]) -> None:
        await self._wire.say(_together(frames))

    def _send_at_once(self, frames: Sequence[bytes]) -> bool:
        if self._wire.is_full:
            return False
        self._wire.write(_together(frames))
        return True

    async def _close(self, why: End) -> None:
        bye = Bye(code=why.code, reconnect=why.reconnect, after_ms=why.after_ms)
        with contextlib.suppress(TimeoutError, Gone):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._wire.say(framed(text(bye)))
            self._wire.close(why.code)


def _together(frames: Sequence[bytes]) -> bytes:
    """One message."""
    return framed(frames[0] if len(frames) == 1 else b"[%b]" % b",".join(frames))


def _refusal(frame: Any) -> DecideRefused:
    """An answer that is none ends no talk, if it says which it was: a person may have typed it."""
    try:
        answer = _Refusable.model_validate(frame)
    except ValidationError:
        raise Ended(BAD_FRAME) from None
    return DecideRefused(id=answer.id, result="invalid", detail="The answer does not fit.")
