"""How a WebSocket begins: the application answers the handshake over ASGI.

It may leave word who goes on (`goes_on`): then nothing of the handshake stays. Else it talks on
over ASGI, as anywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import SERVER, Event, Protocol, State
from websockets.server import ServerProtocol

from chassis.sockets import BINARY, LOST, Gone, Wire, framed, log

EXTENSION: Final = "chassis.socket"
"""In the scope's extensions: the connection itself."""


def socket_of(scope: Any) -> "SocketProtocol":
    """The connection, for an application that talks on without a message for each word."""
    found: SocketProtocol = scope["extensions"][EXTENSION]["protocol"]
    return found


class SocketProtocol(Wire):
    """One connection, from the head of its handshake on; uvicorn makes them."""

    __slots__ = ("_refusal", "_response", "_state", "_talk")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        super().__init__(
            config, server_state, ServerProtocol(max_size=config.ws_max_size, logger=log)
        )
        self._state = app_state
        self._response: Response | None = None
        """To the handshake, until it is answered."""
        self._refusal: Any = None
        self._talk: Callable[[], Awaitable[None]] | None = None

    def goes_on(self, talk: Callable[[], Awaitable[None]]) -> None:
        """Who talks once the application has returned."""
        self._talk = talk

    # --- for the application --------------------------------------------------------------------

    async def receive(self) -> Any:
        """ASGI's."""
        if self._response is not None:
            return {"type": "websocket.connect"}
        try:
            message = await self.hear()
        except Gone as gone:
            return {"type": "websocket.disconnect", "code": gone.code}
        return {
            "type": "websocket.receive",
            "text" if isinstance(message, str) else "bytes": message,
        }

    async def send(self, message: Any) -> None:
        """ASGI's."""
        match message:
            case {"type": "websocket.accept"}:
                self._accept(message)
            case {"type": "websocket.send", "text": str(text)}:
                await self.say(framed(text.encode()))
            case {"type": "websocket.send", "bytes": bytes(data)}:
                await self.say(framed(data, BINARY))
            case {"type": "websocket.close"} if self._response is not None:
                self._refuse(HTTPStatus.FORBIDDEN, [], b"")
            case {"type": "websocket.close"}:
                self.close(message.get("code", 1000), message.get("reason") or "")
            case {"type": "websocket.http.response.start"}:
                self._refusal = {**message, "body": b""}
            case {"type": "websocket.http.response.body"}:
                self._refusal["body"] += message.get("body", b"")
                if not message.get("more_body"):
                    told = self._refusal
                    self._refuse(told["status"], told.get("headers", ()), told["body"])
            case _:
                raise RuntimeError(f"not said on a WebSocket: {message['type']}")

    # --- the handshake --------------------------------------------------------------------------

    def _heed(self, event: Event) -> None:
        if isinstance(event, Request) and isinstance(self._reading, ServerProtocol):
            self._begin(self._reading, event)
        else:
            super()._heed(event)

    def _begin(self, handshake: ServerProtocol, request: Request) -> None:
        response = handshake.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._transport.write(response.serialize())
            self._hang_up(LOST)
            return
        self._response = response
        self._transport.pause_reading()
        self._ping_later()  # here, where no request is traced: a timer keeps what it was made in
        task = asyncio.get_running_loop().create_task(self._run(self._scope(request)))
        self._server.tasks.add(task)

    def _scope(self, request: Request) -> dict[str, Any]:
        path, _, query = request.path.partition("?")
        root = self._config.root_path
        protocols = request.headers.get_all("Sec-WebSocket-Protocol")
        there = self._transport.get_extra_info
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws" if there("sslcontext") is None else "wss",
            "server": there("sockname"),
            "client": there("peername"),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": (root + path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [
                (name.lower().encode("ascii"), value.encode("latin-1"))
                for name, value in request.headers.raw_items()
            ],
            "subprotocols": [each.strip() for line in protocols for each in line.split(",")],
            "state": self._state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: {"protocol": self}},
        }

    async def _run(self, scope: Any) -> None:
        try:
            await self._config.loaded_app(scope, self.receive, self.send)
            del scope
            if self._talk is not None:
                await self._talk()
        except Gone:
            pass
        except Exception:
            log.exception("Exception in ASGI application")
        finally:
            if self._response is not None:
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, [], b"")
            if not self._is_over:
                self._hang_up(LOST)
            self._server.tasks.discard(cast(asyncio.Task[None], asyncio.current_task()))

    def _accept(self, message: Any) -> None:
        """From here on it is read by a protocol that never knew the request."""
        response, self._response = self._response, None
        if response is None:
            raise RuntimeError("accepted already")
        for name, value in message.get("headers", ()):
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        if subprotocol := message.get("subprotocol"):
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self._reading = Protocol(
            SERVER, state=State.OPEN, max_size=self._config.ws_max_size, logger=log
        )
        self.write(response.serialize())
        self._read_on()

    def _refuse(self, status: int, headers: Any, body: bytes) -> None:
        self._response = None
        told = Headers(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        )
        told.setdefault("Content-Length", str(len(body)))
        told["Connection"] = "close"
        self.write(Response(status, HTTPStatus(status).phrase, told, body).serialize())
        self._hang_up(LOST)
