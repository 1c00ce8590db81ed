"""The service put together."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from chassis import web
from chassis.broker import connect, open_broker
from chassis.calls import ServiceCalls
from chassis.erasing import hear_deletions
from chassis.health import Probe
from chassis.revocation import trust
from gateway_service import (
    accounts,
    artifacts,
    auditing,
    course,
    docs,
    documents,
    drafts,
    events,
    exporting,
    feed,
    journals,
    letters,
    money,
    notices,
    oidc,
    operating,
    sharing,
    shelf,
    states,
    vault,
    webhooks,
)
from gateway_service.connections import ConnectionManager
from gateway_service.erasing import Erasing
from gateway_service.following import Sources
from gateway_service.headers import SafeHeaders
from gateway_service.history import History
from gateway_service.idempotency import Answers
from gateway_service.leaving import say_goodbye
from gateway_service.library import Library
from gateway_service.limits import Limits
from gateway_service.live import Hop, Listener
from gateway_service.owners import Owner, Owners
from gateway_service.problems import documented
from gateway_service.settings import Settings
from gateway_service.socket import Sockets, SocketsFirst
from gateway_service.stamper import Stamper
from gateway_service.states import States
from gateway_service.tickets import Tickets
from journal_contracts.catalogue import GATEWAY

ROUTES: Final = (
    accounts.routes,
    oidc.routes,
    exporting.routes,
    letters.routes,
    letters.pages,
    notices.chosen,
    notices.routes,
    notices.pages,
    vault.routes,
    docs.routes,
    journals.routes,
    course.routes,
    states.routes,
    shelf.routes,
    sharing.routes,
    webhooks.routes,
    drafts.routes,
    documents.routes,
    artifacts.routes,
    operating.routes,
    auditing.routes,
    money.routes,
    events.routes,
)


def build(settings: Settings) -> FastAPI:
    """The application; nothing connects before it starts."""
    probes: dict[str, Probe] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            key = settings.service_key.get_secret_value()
            calls = await stack.enter_async_context(
                ServiceCalls.open(GATEWAY, key, settings.auth_url)
            )
            auth = await calls.client(settings.auth_url)
            app.state.owners = Owners(
                Owner("auth", auth),
                Owner("orchestrator", await calls.client(settings.orchestrator_url)),
                Owner("media", await calls.client(settings.media_url)),
                Owner("workers", await calls.client(settings.workers_url)),
            )

            redis = feed.connect(settings.redis_url.get_secret_value())
            stack.push_async_callback(redis.aclose)
            feeds = feed.Feed(redis)
            probes["redis"] = feeds.ping
            app.state.limits = Limits(redis)
            app.state.states = States(redis, feeds, app.state.owners.orchestrator)
            app.state.answers = Answers(redis)

            broker = connect(GATEWAY, settings.amqp_url)
            connections = ConnectionManager()
            app.state.farewell = partial(say_goodbye, connections)
            revocations = trust(app, broker, GATEWAY, auth, connections.end_session)
            listener = Listener(broker, connections)
            history = History(app.state.owners.orchestrator)
            Stamper(broker, feeds, history, Hop(broker)).listen()
            hear_deletions(broker, GATEWAY, Erasing(redis).erase)
            await stack.enter_async_context(open_broker(broker))
            probes["broker"] = listener.ping
            await stack.enter_async_context(listener.listening())
            await stack.enter_async_context(revocations.following())

            library = Library(app.state.owners.orchestrator)
            app.state.sockets = Sockets(
                app.state.verifier,
                Tickets(redis),
                Sources(connections, listener, feeds, library),
                settings.allowed_origins,
            )
            yield

    app = web.application(
        "Journal Craft Crew",
        lifespan,
        probes,
        description="The only door: journals, live.",
        responses=documented(400, 405, 408),
    )
    for each in ROUTES:
        app.include_router(each)
    app.add_middleware(SafeHeaders)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Range",
            "If-None-Match",
            "If-Match",
        ],
        expose_headers=[
            "Location",
            "Retry-After",
            "RateLimit",
            "RateLimit-Policy",
            "ETag",
            "Content-Disposition",
            "Content-Range",
            "Idempotency-Replayed",
        ],
    )
    app.add_middleware(SocketsFirst)
    return app
