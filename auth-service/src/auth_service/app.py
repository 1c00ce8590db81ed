"""The service put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Final

import httpx
from fastapi import FastAPI
from faststream.rabbit import RabbitBroker

from auth_service import (
    audit_routes,
    erasures,
    factor_routes,
    internal_routes,
    mail_routes,
    notice_routes,
    oidc_routes,
    routes,
    session_routes,
    vault_routes,
)
from auth_service.checkpoints import Checkpoints, Signer
from auth_service.desk import Desk
from auth_service.envelopes import Envelopes
from auth_service.forgetting import forgetting
from auth_service.grants import Orchestrator
from auth_service.keys import Keys
from auth_service.letters import Letters
from auth_service.notices import Notices
from auth_service.passwords import Passwords
from auth_service.providers import Providers
from auth_service.settings import Settings
from auth_service.stopping import Stopping
from auth_service.tokens import Tokens
from chassis import web
from chassis.broker import connect, hear, open_broker
from chassis.calls import PATIENCE
from chassis.database import Database
from chassis.health import Probe
from chassis.identity import Verifier
from chassis.ids import new_id, now
from chassis.jobs import running
from chassis.mail import Mails
from chassis.outbox import Outbox
from chassis.posting import post_of
from journal_contracts.catalogue import AUTH
from journal_contracts.events import UserErased

KEY_SECONDS: Final = 5.0


def build(settings: Settings) -> FastAPI:
    """The application; nothing connects before it starts."""
    probes: dict[str, Probe] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            url = settings.database_url.get_secret_value()
            database = await stack.enter_async_context(Database.open(url))
            await database.migrate("auth_service")
            probes["database"] = database.ping
            keys = Keys(settings.signing_key.get_secret_value())
            async with database.transaction() as session:
                ring = await keys.begin(session)
            tokens = Tokens(ring, settings.service_keys, settings.auth_url)
            passwords = Passwords(settings.password_cost)
            stack.callback(passwords.close)
            broker = connect(AUTH, settings.amqp_url)
            outbox = Outbox(database, broker)
            hear(broker, AUTH, UserErased, partial(erasures.confirm, database))
            public_url = settings.public_url.rstrip("/")
            app.state.desk = desk = Desk(
                database,
                passwords,
                keys,
                tokens,
                outbox,
                keys.seal_for("second factors at rest"),
                mails := _mails(settings, database, keys),
                Letters(public_url),
                Stopping(keys.seal_for("links that stop letters"), public_url),
                Envelopes(settings.vault_keys.get_secret_value()),
                Orchestrator(
                    await stack.enter_async_context(_client_of(settings.orchestrator_url)),
                    lambda: tokens.for_service(AUTH, new_id(), now()),
                ),
                checkpoints := Checkpoints(Signer(keys.secret), settings.state),
                await stack.enter_async_context(
                    Providers.open(settings.oidc_providers.get_secret_value(), public_url)
                ),
            )
            notices = Notices(desk, timedelta(seconds=settings.question_seconds))
            notices.listen(broker)
            itself = httpx.AsyncClient(transport=httpx.ASGITransport(app))
            app.state.verifier = Verifier(
                await stack.enter_async_context(itself), settings.auth_url
            )
            # Whoever wants in is answered without a broker: what is to be said waits as a row.
            await stack.enter_async_context(running("speaking", partial(_speak, broker, outbox)))
            await stack.enter_async_context(mails.posting())
            await stack.enter_async_context(running("writing notices", notices.keep_writing))
            await stack.enter_async_context(running("reading keys", partial(_read_keys, app)))
            signing = partial(checkpoints.keep_writing, database)
            await stack.enter_async_context(running("signing checkpoints", signing))
            pause = timedelta(seconds=settings.erase_again_seconds)
            asking = partial(erasures.keep_asking, database, outbox, pause, desk.left)
            await stack.enter_async_context(running("erasing", asking))
            await stack.enter_async_context(forgetting(database))
            yield

    app = web.application(AUTH, lifespan, probes, description="Accounts, sessions, tokens.")
    for each in (
        routes,
        mail_routes,
        notice_routes,
        session_routes,
        factor_routes,
        oidc_routes,
        vault_routes,
        audit_routes,
        internal_routes,
    ):
        app.include_router(each.routes)
    return app


def _client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False)


def _mails(settings: Settings, database: Database, keys: Keys) -> Mails:
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else None
    post = post_of(url, settings.state / "mails")
    return Mails(database, keys.seal_for("letters at rest"), post, settings.mail_from)


async def _speak(broker: RabbitBroker, outbox: Outbox) -> None:
    async with open_broker(broker), outbox.relaying():
        await asyncio.Event().wait()


async def _read_keys(app: FastAPI) -> None:
    """A key that another process let sign, or revoked, is this replica's business too."""
    desk: Desk = app.state.desk
    verifier: Verifier = app.state.verifier
    while True:
        async with desk.database.transaction() as session:
            ring = await desk.read_ring(session)
        verifier.keep_keys(ring.names)
        await asyncio.sleep(KEY_SECONDS)
