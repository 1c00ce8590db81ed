"""The service put together."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI

from auth_service.passwords import Passwords
from auth_service.routes import Desk, routes
from auth_service.settings import Settings
from auth_service.tokens import Tokens
from chassis import web
from chassis.database import Database
from chassis.health import Probe
from chassis.identity import Verifier


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
            tokens = Tokens(
                settings.signing_key.get_secret_value(), settings.service_keys, settings.auth_url
            )
            passwords = Passwords(settings.password_cost)
            stack.callback(passwords.close)
            app.state.desk = Desk(database, passwords, tokens)
            itself = httpx.AsyncClient(transport=httpx.ASGITransport(app))
            app.state.verifier = Verifier(
                await stack.enter_async_context(itself), settings.auth_url
            )
            yield

    app = web.application(
        "auth-service", lifespan, probes, description="Accounts, sessions, tokens."
    )
    app.include_router(routes)
    return app
