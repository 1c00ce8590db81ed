"""The composition root: how media-service is put together, read from top to bottom."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from chassis.blobs import open_blobs
from chassis.broker import connect, hear, open_broker
from chassis.calls import ServiceCalls
from chassis.database import Database
from chassis.erasing import hear_deletions
from chassis.health import Probe
from chassis.outbox import Outbox
from chassis.revocation import trust
from chassis.web import application
from journal_contracts.catalogue import MEDIA
from journal_contracts.commands import RegisterAssets, WithdrawAssets
from journal_contracts.events import CraftDeleted, CraftStarted
from media_service import documents, drafts, exporting
from media_service.handlers import Handlers
from media_service.routes import routes
from media_service.settings import Settings

SERVICE = MEDIA


def build(settings: Settings) -> FastAPI:
    """The application; nothing connects before it starts."""
    probes: dict[str, Probe] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            Database.open(settings.database_url.get_secret_value()) as database,
            open_blobs(settings.blobs_url.get_secret_value()) as blobs,
            ServiceCalls.open(
                SERVICE, settings.service_key.get_secret_value(), settings.auth_url
            ) as calls,
        ):
            await database.migrate("media_service")
            # Delivery needs no broker: when that is away, this service still answers.
            probes.update(database=database.ping, blobs=blobs.ping)

            app.state.database = database
            app.state.blobs = blobs

            broker = connect(SERVICE, settings.amqp_url)
            revocations = trust(app, broker, SERVICE, await calls.client(settings.auth_url))
            outbox = Outbox(database, broker)
            handlers = Handlers(database, blobs, outbox)
            hear(broker, SERVICE, RegisterAssets, handlers.register, prefetch=4)
            hear(broker, SERVICE, WithdrawAssets, handlers.withdraw, prefetch=4)
            hear(broker, SERVICE, CraftDeleted, handlers.forget)
            hear(broker, SERVICE, CraftStarted, handlers.remember)
            hear_deletions(broker, SERVICE, handlers.erase)

            async with open_broker(broker), outbox.relaying(), revocations.following():
                yield

    app = application(
        SERVICE, lifespan, probes, description="Finished files: checked, kept, handed out."
    )
    app.include_router(routes)
    app.include_router(drafts.routes)
    app.include_router(documents.routes)
    app.include_router(exporting.routes)
    return app
