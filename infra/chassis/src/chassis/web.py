"""The HTTP side of a service: an application with health, errors and traces, and its server."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import FrameType, MappingProxyType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

from chassis import errors, health
from chassis.errors import ServiceError
from chassis.handshakes import SocketProtocol
from chassis.settings import ServiceSettings
from chassis.wire import BoundedProtocol

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
REQUESTS_SECONDS = 10
"""What requests have to end when the service leaves."""
IDLE_SECONDS = 10
"""Longer than our clients keep an idle connection (httpx: 5): they let go first, or a request that
is on its way meets the end of its connection, and nobody knows whether it was heard."""
CANCELS = 20
"""How often what is left at the end is cancelled, a fifth of a second apart."""
BODY_SECONDS = 10.0
FRAME_LIMIT = 64 * 1024
"""Bytes of one WebSocket frame; larger ones are never held in memory."""


def application(
    title: str,
    lifespan: Lifespan,
    probes: Mapping[str, health.Probe],
    *,
    description: str = "",
    responses: Mapping[int | str, dict[str, Any]] = errors.ANY_PROBLEM,
) -> FastAPI:
    """A FastAPI application that has what every service has; `probes` may still grow at start.

    `responses` are documented for every route.
    """
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=dict(responses),
        redirect_slashes=False,  # it would send people to whatever Host they said
    )
    errors.install(app)
    app.include_router(health.router(probes))
    FastAPIInstrumentor.instrument_app(
        app,
        excluded_urls="livez,readyz,startupz,metrics",
        exclude_spans=["receive", "send"],  # one for each message of a socket, otherwise
    )
    return app


def serve(app: FastAPI, settings: ServiceSettings, *, trusted_proxies: Sequence[str] = ()) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way and clean up.

    Only of `trusted_proxies`, addresses and networks, it is believed for whom they ask. Ends the
    process with the code of whoever asked it to `leave`.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedProtocol,
        ws=SocketProtocol,
        ws_max_size=FRAME_LIMIT,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=REQUESTS_SECONDS,
        timeout_keep_alive=IDLE_SECONDS,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_live(Server(config, app)))
    if code := getattr(app.state, "exit_code", os.EX_OK):
        sys.exit(code)


async def _live(server: uvicorn.Server) -> None:
    try:
        await server.serve()
    finally:
        await end_the_rest()


async def end_the_rest() -> None:
    """Cancel whatever else still runs, until it ends: a service that is over must not stay.

    Once is not enough: aio-pika takes it for an attempt to connect that failed, and tries again.
    """
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for _ in range(CANCELS):
        for task in rest:
            task.cancel()
        if rest:
            _, rest = await asyncio.wait(rest, timeout=0.2)


def leave(app: FastAPI, code: int) -> None:
    """End this service from within as SIGTERM does, but with an exit code."""
    app.state.exit_code = code
    signal.raise_signal(signal.SIGTERM)


class BodyTooSlow(ServiceError):
    """The body did not arrive in time."""

    status = 408
    headers = MappingProxyType({"Connection": "close"})


async def body_within(
    request: Request, most: int, refusal: Exception, *, seconds: float = BODY_SECONDS
) -> bytes:
    """The whole body; raises the refusal as soon as it is longer than `most` bytes, and
    `BodyTooSlow` when it takes longer than `seconds`."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise refusal
    except TimeoutError as error:
        raise BodyTooSlow(f"A body has {seconds:g} seconds to arrive.") from error
    return bytes(body)


class Server(uvicorn.Server):
    """uvicorn's, that lets the application say goodbye (`app.state.farewell`) before it hangs up.

    uvicorn raises a caught signal again after its clean-up, which would cut ours short.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        if (farewell := getattr(self._app.state, "farewell", None)) is not None:
            await farewell()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        yield

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)
