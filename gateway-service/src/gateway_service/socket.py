"""One socket of `jcc.rt.v1`, from its first frame to its last."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import structlog
from fastapi import WebSocket
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from chassis.errors import Unauthorized, problem
from chassis.identity import Caller, Verifier
from gateway_service.bodies import NotStrict, strict_json
from gateway_service.connections import STALLED, Connection, End
from gateway_service.following import (
    AWAY,
    GONE,
    TOKEN_EXPIRED,
    Ended,
    Following,
    Sources,
    ending,
    later,
    text,
)
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

log = structlog.get_logger()

BAD_FRAME: Final = End(4400, reconnect=False)
WRONG_VERSION: Final = End(4406, reconnect=False)
HELLO_TOO_LATE: Final = End(4408)
LONGEST_FRAME: Final = 64 * 1024
CLOSE_SECONDS: Final = 5.0

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

    async def serve(self, websocket: WebSocket) -> None:
        """Talk to a client until one of the two ends it."""
        if (refusal := self._refusal(websocket)) is not None:
            await websocket.send_denial_response(problem(*refusal))
            return
        await websocket.accept(SUBPROTOCOL)
        await _Talk(self, websocket).run()

    def _refusal(self, websocket: WebSocket) -> tuple[int, str, str] | None:
        if not self._welcomes(websocket.headers.get("origin"), websocket.headers.get("host")):
            return 403, "foreign_origin", "Pages from there may not connect."
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            return 400, "unknown_subprotocol", f"This socket speaks {SUBPROTOCOL}."
        return None

    def _welcomes(self, origin: str | None, host: str | None) -> bool:
        """Browsers say where a page comes from; other clients say nothing and bring a token."""
        return origin is None or origin in self.allowed_origins or urlsplit(origin).netloc == host


class _Talk:
    """One client. Only `run` and what it awaits send; everybody else leaves frames to be sent."""

    def __init__(self, sockets: Sockets, websocket: WebSocket) -> None:
        self._with = sockets
        self._times = sockets.sources.times
        self._websocket = websocket
        self._token = ""
        self._expires_at = 0
        self._expiry: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        try:
            hello = await self._hello()
            self._token = hello.token or await self._with.tickets.take(hello.ticket)
            caller = await self._caller(self._token)
            connection = Connection(caller.user_id)
            following = Following(self._with.sources, connection, self._send)
            async with self._with.sources.connected(connection):
                await following.catch_up_first(hello.resume, self._token)
                await self._live(following, connection, caller)
        except Ended as ended:
            await self._close(ended.why)
        except WebSocketDisconnect:
            pass
        except Unauthorized:
            await self._close(TOKEN_EXPIRED)
        except AWAY as error:
            log.warning("socket_refused", error=type(error).__name__)
            await self._close(later(1013))
        except Exception:
            log.exception("socket_failed")
            await self._close(later(1011))

    # --- before it is live ----------------------------------------------------------------------

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
        except Unauthorized:
            raise Ended(TOKEN_EXPIRED) from None

    # --- live -----------------------------------------------------------------------------------

    async def _live(self, following: Following, connection: Connection, caller: Caller) -> None:
        """Send what comes until somebody ends it."""
        self._expire(connection, caller)
        others = [
            asyncio.create_task(ending(connection, work))
            for work in (self._listen(connection), following.keep())
        ]
        try:
            await following.write()
        finally:
            self._expire(connection, None)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    def _expire(self, connection: Connection, caller: Caller | None) -> None:
        """Let it end with this token, and with no earlier one."""
        if self._expiry is not None:
            self._expiry.cancel()
        if caller is not None:
            self._expires_at = caller.expires_at
            left = caller.expires_at - time.time() + self._times.grace
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(max(0.0, left), connection.end, TOKEN_EXPIRED)

    async def _listen(self, connection: Connection) -> None:
        while True:
            frames = await self._receive()
            for frame in frames if isinstance(frames, list) else [frames]:
                if (reply := await self._reply(connection, frame)) is not None:
                    connection.say(text(reply))

    async def _reply(self, connection: Connection, frame: Any) -> Frame | None:
        try:
            word = said.validate_python(frame)
        except ValidationError:
            return _refusal(frame)
        match word:
            case Decide():
                return await self._with.sources.library.decide(word, self._token)
            case Auth(token=token):
                await self._go_on_with(connection, token)
            case Read():
                connection.reading.turn(word)
                if word.on:
                    await self._with.sources.listener.ask_for_text(connection.user_id, word.journal)
        return None

    async def _go_on_with(self, connection: Connection, token: str) -> None:
        """The same user's next token; an older one than what we have changes nothing."""
        caller = await self._caller(token)
        if caller.user_id != connection.user_id:
            raise Ended(BAD_FRAME)
        if caller.expires_at > self._expires_at:
            self._token = token
            self._expire(connection, caller)

    # --- the wire -------------------------------------------------------------------------------

    async def _receive(self) -> Any:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise Ended(GONE)
        word = message.get("text")
        if word is None or len(word) > LONGEST_FRAME:
            raise Ended(BAD_FRAME)
        try:
            return strict_json(word)
        except NotStrict:
            raise Ended(BAD_FRAME) from None

    async def _send(self, frames: Sequence[str]) -> None:
        if not frames:
            return
        told = frames[0] if len(frames) == 1 else f"[{','.join(frames)}]"
        try:
            async with asyncio.timeout(self._times.send):
                await self._websocket.send_text(told)
        except TimeoutError:
            raise Ended(STALLED) from None

    async def _close(self, why: End) -> None:
        if self._websocket.client_state is not WebSocketState.CONNECTED:
            return
        bye = Bye(code=why.code, reconnect=why.reconnect, after_ms=why.after_ms)
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.send_text(text(bye))
                await self._websocket.close(why.code)


def _refusal(frame: Any) -> DecideRefused:
    """An answer that is none ends no talk, if it says which it was: a person may have typed it."""
    try:
        answer = _Refusable.model_validate(frame)
    except ValidationError:
        raise Ended(BAD_FRAME) from None
    return DecideRefused(id=answer.id, result="invalid", detail="The answer does not fit.")
