"""The composition root of the orchestrator."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from chassis import failpoints
from chassis.broker import connect, hear_the_dead, hearing_hot, open_broker, ping
from chassis.calls import ServiceCalls
from chassis.database import Database
from chassis.erasing import hear_deletions
from chassis.health import Probe
from chassis.jobs import running
from chassis.revocation import trust
from chassis.web import application
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import UsageRecorded
from orchestrator_service import exporting, integrating, money, operating, owners, sharing
from orchestrator_service.auditing import Audit
from orchestrator_service.collaborators import Collaborators
from orchestrator_service.course import Course
from orchestrator_service.dead_letters import Graveyard
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.quotas import Quota
from orchestrator_service.erasing import Erasing
from orchestrator_service.handlers import Handlers
from orchestrator_service.library import Shelf
from orchestrator_service.notices import Notices
from orchestrator_service.orders import Desk
from orchestrator_service.past import Past
from orchestrator_service.people import People
from orchestrator_service.posting import ANEW, PATIENCE, Post
from orchestrator_service.routes import library, router
from orchestrator_service.settings import Settings
from orchestrator_service.spending import Spending
from orchestrator_service.usual import Times
from orchestrator_service.webhooks import Webhooks


def build(settings: Settings) -> FastAPI:
    """Wire the service, top to bottom; nothing connects before the application starts."""
    probes: dict[str, Probe] = {}
    quota = Quota(settings.user_day_budget, settings.user_day_tokens)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings.failpoint_file is not None:
            failpoints.arm_by(settings.failpoint_file)
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                Database.open(settings.database_url.get_secret_value())
            )
            await database.migrate("orchestrator_service")
            engine = await stack.enter_async_context(
                Engine.open(
                    settings.database_url.get_secret_value(),
                    settings.amqp_url,
                    settings.user_limit,
                    quota=quota,
                )
            )
            key = settings.service_key.get_secret_value()
            calls = await stack.enter_async_context(
                ServiceCalls.open(ORCHESTRATOR, key, settings.auth_url)
            )
            app.state.database = database
            desk = app.state.desk = Desk(database, engine, settings, Times(database).of)
            app.state.past = Past(database)
            app.state.shelf = Shelf(database)
            app.state.course = Course(engine.transitions)
            app.state.decisions = Decisions(engine.transitions)
            broker = connect(ORCHESTRATOR, settings.amqp_url)
            auth = await calls.client(settings.auth_url)
            shared = app.state.collaborators = Collaborators(
                database, engine.transitions, People(auth)
            )
            app.state.audit = Audit(auth)
            revocations = trust(app, broker, ORCHESTRATOR, auth)
            handlers = Handlers(engine.transitions, engine.release)
            handlers.listen(broker)
            hear_deletions(broker, ORCHESTRATOR, Erasing(database, desk, shared).erase)
            world = await stack.enter_async_context(
                httpx.AsyncClient(timeout=PATIENCE, limits=ANEW, trust_env=False)
            )
            post = Post(world, local=settings.local_webhooks)
            app.state.webhooks = Webhooks(database, post)
            notices = Notices(database, post)
            spending = app.state.spending = Spending(database, quota)
            graveyard = app.state.graveyard = Graveyard(database, broker)
            hear_the_dead(broker, graveyard.keep)
            await stack.enter_async_context(open_broker(broker))
            await stack.enter_async_context(revocations.following())
            await stack.enter_async_context(engine.running())
            await stack.enter_async_context(handlers.listening_hot(broker, settings.amqp_url))
            await stack.enter_async_context(
                hearing_hot(broker, settings.amqp_url, ORCHESTRATOR, UsageRecorded, spending.note)
            )
            await stack.enter_async_context(running("measuring the dead", graveyard.measure))
            await stack.enter_async_context(running("forgetting keys", desk.forget_keys))
            await stack.enter_async_context(running("settling members", shared.keep_settling))
            await stack.enter_async_context(running("telling webhooks", notices.keep_telling))
            await stack.enter_async_context(running("forgetting notices", notices.keep_forgetting))
            probes.update(database=database.ping, broker=lambda: ping(broker))
            yield

    app = application("Orchestrator", lifespan, probes)
    app.include_router(router)
    app.include_router(library)
    for each in (sharing, integrating, money, operating, owners, exporting):
        app.include_router(each.router)
    return app
