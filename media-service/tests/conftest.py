"""What these tests stand on: a shelf with real rows and bytes, and a crew that fills it."""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from chassis.blobs import Blobs, open_blobs
from chassis.broker import connect
from chassis.database import Database
from chassis.identity import (
    AUDIENCE,
    ISSUER,
    SERVICE_HEADER,
    SERVICE_SCOPE,
    TOKEN_TYPE,
    Truth,
    Verifier,
    new_key,
)
from chassis.ids import new_id
from chassis.outbox import Outbox
from chassis.testing import Addresses, template_of, url_of
from journal_contracts.artifacts import Blob, BoundBook, Editions, Illustration, Title
from journal_contracts.catalogue import GATEWAY
from journal_contracts.commands import RegisterAssets
from journal_contracts.product import Edition
from media_service.app import build
from media_service.handlers import Handlers
from media_service.settings import Settings

KEY = new_key("test")
JOURNAL_PDF = b"%PDF-1.7 the journal, thirty days of it"
LEAD_MAGNET_PDF = b"%PDF-1.7 the lead magnet"
PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@dataclass(frozen=True)
class Crew:
    """Stands in for the workers: stores two books and two pictures of one journal."""

    blobs: Blobs
    user_id: UUID = field(default_factory=new_id)
    journal_id: UUID = field(default_factory=new_id)

    @property
    def home(self) -> str:
        return f"users/{self.user_id}/journals/{self.journal_id}/"

    async def store(self, name: str, content: bytes, media_type: str) -> Blob:
        return await self.blobs.put(f"{self.home}{name}", content, media_type)

    async def bind(self, journal: bytes = JOURNAL_PDF, folder: str = "editions/1") -> Editions:
        async def book(edition: Edition, name: str, content: bytes) -> BoundBook:
            blob = await self.store(f"{folder}/{name}", content, "application/pdf")
            return BoundBook(
                edition=edition, name=name, blob=blob, pages=67, words=7_000, figures=63
            )

        async def picture(requirement_id: str) -> Illustration:
            blob = await self.store(f"{folder}/{requirement_id}.svg", PICTURE, "image/svg+xml")
            return Illustration(requirement_id=requirement_id, alt="Hills at dawn", blob=blob)

        return Editions(
            title=Title(text="A Quiet Mind"),
            books=(
                await book(Edition.JOURNAL, "journal.pdf", journal),
                await book(Edition.LEAD_MAGNET, "lead-magnet.pdf", LEAD_MAGNET_PDF),
            ),
            illustrations=(await picture("journal-cover"), await picture("lead_magnet-cover")),
        )

    async def hand_over(self, editions: Editions | None = None, attempt: int = 1) -> RegisterAssets:
        """The command that the orchestrator gives once the books are bound."""
        content = (editions or await self.bind()).model_dump_json().encode()
        digest = hashlib.sha256(content).hexdigest()[:12]
        blob = await self.store(f"editions-{digest}.json", content, "application/json")
        return RegisterAssets(
            journal_id=self.journal_id,
            user_id=self.user_id,
            phase="shelving",
            attempt=attempt,
            editions=blob.key,
        )


template = template_of("media_service")


@pytest.fixture(scope="session")
def database_url(addresses: Addresses, template: str) -> str:
    """One database for all tests here: each works on a journal of its own, as users do."""
    return url_of(addresses, template)


@pytest.fixture(scope="session")
def blobs_url(addresses: Addresses) -> str:
    """One bucket, likewise."""
    base, _, query = addresses.s3.partition("?")
    return f"{base.rstrip('/')}/test-media-{new_id().hex}?{query}"


@pytest.fixture
async def blobs(blobs_url: str) -> AsyncIterator[Blobs]:
    async with open_blobs(blobs_url) as opened:
        yield opened


@pytest.fixture
def crew(blobs: Blobs) -> Crew:
    return Crew(blobs)


@pytest.fixture
def another_crew(blobs: Blobs) -> Crew:
    return Crew(blobs)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, pool=4) as opened:
        yield opened


@pytest.fixture
def handlers(database: Database, blobs: Blobs) -> Handlers:
    """The handlers; what they say stays in the outbox, for the test to read."""
    return Handlers(database, blobs, Outbox(database, connect("media-service", "amqp://nowhere")))


@pytest.fixture
def settings(database_url: str, blobs_url: str, amqp_url: str) -> Settings:
    return Settings(
        port=1,
        auth_url="http://auth",
        amqp_url=amqp_url,
        database_url=database_url,
        blobs_url=blobs_url,
        service_key=json.dumps(KEY.as_dict(private=True)),
    )


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    """Checks tokens with the tests' own key."""
    keys = KeySet([KEY]).as_dict(private=False)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=keys))
    async with httpx.AsyncClient(transport=transport) as client:
        yield Verifier(client, "http://auth")


@pytest.fixture
async def truth() -> AsyncIterator[Truth]:
    """Says of every token that it still holds."""
    told = {"active": True, "scope": "user"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=told))
    async with httpx.AsyncClient(transport=transport, base_url="http://auth") as client:
        yield Truth(client)


@pytest.fixture
async def open_client(
    settings: Settings, database: Database, blobs: Blobs, verifier: Verifier, truth: Truth
) -> AsyncIterator[Callable[[UUID], httpx.AsyncClient]]:
    """Clients of the routes: the gateway, each with the token of a user."""
    app = build(settings)
    app.state.database, app.state.blobs, app.state.verifier = database, blobs, verifier
    app.state.truth = truth
    opened: list[httpx.AsyncClient] = []

    def client(user_id: UUID) -> httpx.AsyncClient:
        opened.append(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://media",
                headers={
                    "Authorization": f"Bearer {token_of(user_id)}",
                    SERVICE_HEADER: f"Bearer {service_token_of(GATEWAY)}",
                },
            )
        )
        return opened[-1]

    yield client
    for each in opened:
        await each.aclose()


def token_of(user_id: UUID) -> str:
    return _sign({"sub": str(user_id), "sid": str(new_id()), "scope": "user"})


def service_token_of(service: str) -> str:
    return _sign({"sub": service, "scope": SERVICE_SCOPE})


def _sign(claims: dict[str, str]) -> str:
    header = {"alg": "ES256", "kid": "test", "typ": TOKEN_TYPE}
    always = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    return jwt.encode(header, {**always, **claims}, KEY)
