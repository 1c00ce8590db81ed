"""An auth service of its own for each test, on a real database."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from auth_service.app import build
from auth_service.settings import Settings
from chassis.identity import new_key
from chassis.testing import template_of

URL = "http://auth.test"
VAULT_KEY = base64.b64encode(b"k" * 32).decode()


template = template_of("auth_service")


@dataclass(frozen=True)
class Door:
    """The running service, and the keys it was started with."""

    client: httpx.AsyncClient
    signing_key: ECKey
    gateway_key: ECKey
    media_key: ECKey
    app: FastAPI
    state: Path
    workers_key: ECKey

    async def sign_up_and_in(self, email: str = "ada@example.com") -> str:
        mine = {"email": email, "password": "correct horse battery"}
        await self.client.post("/v1/auth/register", json=mine)
        answer = await self.client.post("/v1/auth/login", json=mine)
        return str(answer.json()["access_token"])


@pytest.fixture
def broker_url() -> str:
    """Nobody listens there: what is said waits in the outbox. A test may put a real one here."""
    return "amqp://127.0.0.1:1"


@pytest.fixture
def orchestrator_url() -> str:
    """Nobody answers there; likewise."""
    return "http://127.0.0.1:1"


@pytest.fixture
async def door(
    database_url: str, broker_url: str, orchestrator_url: str, tmp_path: Path
) -> AsyncIterator[Door]:
    signing_key = new_key("signing-1")
    gateway_key, media_key = new_key("gateway-service"), new_key("media-service")
    workers_key = new_key("agent-workers")
    callers = KeySet([gateway_key, media_key, workers_key])
    app = build(
        Settings(
            port=0,
            amqp_url=broker_url,
            auth_url=URL,
            database_url=database_url,
            signing_key=json.dumps(signing_key.as_dict(private=True)),
            service_keys=json.dumps(callers.as_dict(private=False)),
            vault_keys=VAULT_KEY,
            orchestrator_url=orchestrator_url,
            public_url="https://journal.test/",
            state=tmp_path,
            question_seconds=0,
            password_cost="light",
        )
    )
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=URL)
        yield Door(
            await stack.enter_async_context(client),
            signing_key,
            gateway_key,
            media_key,
            app,
            tmp_path,
            workers_key,
        )
