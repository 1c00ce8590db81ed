"""One socket of `jcc.rt.v1`, from its first frame to its last."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import structlog
from aio_pika.exceptions import AMQPException
from fastapi import WebSocket
from pydantic import Field, TypeAdapter, ValidationError
from redis.exceptions import RedisError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from chassis.errors import Unauthorized, Unavailable, problem
from chassis.identity import Caller, Verifier
from chassis.ids import now
from gateway_service.bodies import NotStrict, strict_json
from gateway_service.connections import (
    RESUME,
    STALLED,
    TOO_MANY_SOCKETS,
    Connection,
    ConnectionManager,
    End,
)
from gateway_service.feed import Feed, Position
from gateway_service.library import Library
from gateway_service.live import Listener
from journal_contracts.realtime import (
    SUBPROTOCOL,
    Bye,
    Decide,
    DecideRefused,
    Frame,
    Hello,
    Ping,
    Pong,
    Resume,
    Snapshot,
    Welcome,
)

log = structlog.get_logger()

BAD_FRAME: Final = End(4400, reconnect=False)
TOKEN_EXPIRED: Final = End(4401)
WRONG_VERSION: Final = End(4406, reconnect=False)
HELLO_TOO_LATE: Final = End(4408)
GONE: Final = End(1000)
LONGEST_FRAME: Final = 64 * 1024
COALESCE_SECONDS: Final = 0.002
CLOSE_SECONDS: Final = 5.0
REORDER_SECONDS: Final = 0.02
"""An event that others overtook on the last hop is not lost yet."""
AWAY: Final = (RedisError, AMQPException, ConnectionError, TimeoutError, Unavailable)
"""What says that something we need is away for the moment."""

said: TypeAdapter[Decide | Pong] = TypeAdapter(Annotated[Decide | Pong, Field(discriminator="t")])


class _Refusable(Frame):
    """As much of a `decide` as it takes to answer it."""

    t: Literal["decide"]
    id: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True)
class Times:
    """How patient sockets are, in seconds."""

    hello: float = 5.0
    heartbeat: float = 25.0
    send: float = 10.0


@dataclass(frozen=True)
class Sockets:
    """What every socket works with."""

    verifier: Verifier
    connections: ConnectionManager
    listener: Listener
    feed: Feed
    library: Library
    allowed_origins: tuple[str, ...] = ()
    times: Times = Times()

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


class _Ended(Exception):
    def __init__(self, why: End) -> None:
        super().__init__(why)
        self.why = why


class _Talk:
    """One client. Only `run` and what it awaits send; everybody else leaves frames to be sent."""

    def __init__(self, sockets: Sockets, websocket: WebSocket) -> None:
        self._with = sockets
        self._websocket = websocket
        self._token = ""

    async def run(self) -> None:
        try:
            hello = await self._hello()
            caller = await self._caller(hello.token)
            self._token = hello.token
            async with self._connected(caller) as connection:
                await self._catch_up_first(connection, hello.resume)
                await self._live(connection, caller)
        except _Ended as ended:
            await self._close(ended.why)
        except WebSocketDisconnect:
            pass
        except Unauthorized:
            await self._close(TOKEN_EXPIRED)
        except AWAY as error:
            log.warning("socket_refused", error=type(error).__name__)
            await self._close(_later(1013))
        except Exception:
            log.exception("socket_failed")
            await self._close(_later(1011))

    # --- before it is live ----------------------------------------------------------------------

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(self._with.times.hello):
                first = await self._receive()
        except TimeoutError:
            raise _Ended(HELLO_TOO_LATE) from None
        if not isinstance(first, dict) or first.get("t") != "hello":
            raise _Ended(BAD_FRAME)
        if first.get("v") != 1:
            raise _Ended(WRONG_VERSION)
        try:
            return Hello.model_validate(first)
        except ValidationError:
            raise _Ended(BAD_FRAME) from None

    async def _caller(self, token: str) -> Caller:
        try:
            return await self._with.verifier.verify(token)
        except Unauthorized:
            raise _Ended(TOKEN_EXPIRED) from None

    @contextlib.asynccontextmanager
    async def _connected(self, caller: Caller) -> AsyncIterator[Connection]:
        """From here on nothing of this user is missed: it is held until we know where to go on."""
        connection = Connection(caller.user_id)
        if not self._with.connections.add(connection):
            raise _Ended(TOO_MANY_SOCKETS)
        try:
            await self._with.listener.listen_for(caller.user_id)
            yield connection
        finally:
            self._with.connections.remove(connection)

    async def _catch_up_first(self, connection: Connection, resume: Resume | None) -> None:
        """Exactly what was missed, or a snapshot whose position was read before its data."""
        at = await self._with.feed.position(connection.user_id)
        missed = await self._missed(connection, resume, at)
        if missed is None:
            await self._send([_text(self._welcome(connection, "snapshot", at))])
            journals = await self._with.library.snapshot(self._token)
            await self._send([_text(Snapshot(epoch=at.epoch, o=at.top, journals=journals))])
        else:
            await self._send([_text(self._welcome(connection, "recovered", at)), *missed])
        connection.begin(at.epoch, at.top)

    async def _missed(
        self, connection: Connection, resume: Resume | None, at: Position
    ) -> list[str] | None:
        if resume is None or resume.epoch != at.epoch:
            return None
        entries = await self._with.feed.after(connection.user_id, resume.o, at.top)
        return None if entries is None else [entry.frame.decode() for entry in entries]

    def _welcome(self, connection: Connection, mode: Any, at: Position) -> Welcome:
        return Welcome(
            mode=mode, epoch=at.epoch, o=at.top, user=connection.user_id, server_time=now()
        )

    # --- live -----------------------------------------------------------------------------------

    async def _live(self, connection: Connection, caller: Caller) -> None:
        """Send what comes until somebody ends it."""
        loop = asyncio.get_running_loop()
        left = max(0.0, caller.expires_at - time.time())
        expiry = loop.call_later(left, connection.end, TOKEN_EXPIRED)
        others = [
            asyncio.create_task(self._ending(connection, work))
            for work in (self._listen(connection), self._keep(connection))
        ]
        try:
            await self._write(connection)
        finally:
            expiry.cancel()
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _write(self, connection: Connection) -> None:
        """The first frame goes at once; what comes within 2 ms after it goes together."""
        while connection.ended is None:
            await connection.stirred.wait()
            if connection.ended is None:
                await self._send(connection.take())
                await asyncio.sleep(COALESCE_SECONDS)
        raise _Ended(connection.ended)

    async def _ending(self, connection: Connection, work: Any) -> None:
        """Whatever ends this work ends the connection."""
        try:
            await work
        except _Ended as ended:
            connection.end(ended.why)
        except WebSocketDisconnect:
            connection.end(GONE)
        except Unauthorized:
            connection.end(TOKEN_EXPIRED)
        except AWAY as error:
            log.warning("socket_cut", error=type(error).__name__)
            connection.end(_later(1013))
        except Exception:
            log.exception("socket_failed")
            connection.end(_later(1011))

    async def _listen(self, connection: Connection) -> None:
        while True:
            frames = await self._receive()
            for frame in frames if isinstance(frames, list) else [frames]:
                if (reply := await self._reply(frame)) is not None:
                    connection.say(_text(reply))

    async def _reply(self, frame: Any) -> Frame | None:
        try:
            word = said.validate_python(frame)
        except ValidationError:
            return _refusal(frame)
        return await self._with.library.decide(word, self._token) if word.t == "decide" else None

    async def _keep(self, connection: Connection) -> None:
        """The heartbeat; and whatever was lost on the last hop is fetched from the history."""
        while True:
            beat = self._with.times.heartbeat * random.uniform(0.9, 1.1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connection.behind.wait(), beat)
                await asyncio.sleep(REORDER_SECONDS)
                if not connection.behind.is_set():
                    continue
            at = await self._with.feed.position(connection.user_id)
            if at.top > connection.offset or at.epoch != connection.epoch:
                await self._catch_up(connection, at)
            else:
                connection.say(_text(Ping(o=at.top)))

    async def _catch_up(self, connection: Connection, at: Position) -> None:
        if at.epoch != connection.epoch:
            raise _Ended(RESUME)
        entries = await self._with.feed.after(connection.user_id, connection.offset, at.top)
        if entries is None:
            raise _Ended(RESUME)
        for entry in entries:
            connection.offer(at.epoch, entry.offset, entry.frame.decode())

    # --- the wire -------------------------------------------------------------------------------

    async def _receive(self) -> Any:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None or len(text) > LONGEST_FRAME:
            raise _Ended(BAD_FRAME)
        try:
            return strict_json(text)
        except NotStrict:
            raise _Ended(BAD_FRAME) from None

    async def _send(self, frames: Sequence[str]) -> None:
        if not frames:
            return
        text = frames[0] if len(frames) == 1 else f"[{','.join(frames)}]"
        try:
            async with asyncio.timeout(self._with.times.send):
                await self._websocket.send_text(text)
        except TimeoutError:
            raise _Ended(STALLED) from None

    async def _close(self, why: End) -> None:
        if self._websocket.client_state is not WebSocketState.CONNECTED:
            return
        bye = Bye(code=why.code, reconnect=why.reconnect, after_ms=why.after_ms)
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.send_text(_text(bye))
                await self._websocket.close(why.code)


def _refusal(frame: Any) -> DecideRefused:
    """An answer that is none ends no talk, if it says which it was: a person may have typed it."""
    try:
        answer = _Refusable.model_validate(frame)
    except ValidationError:
        raise _Ended(BAD_FRAME) from None
    return DecideRefused(id=answer.id, result="invalid", detail="The answer does not fit.")


def _later(code: int) -> End:
    """Come back, but not all of you at once."""
    return End(code, after_ms=random.randint(500, 3_000))


def _text(frame: Frame) -> str:
    return frame.model_dump_json(exclude_none=True, by_alias=True)
