"""A pytest plugin: real servers for the tests of any service, told by one fixture.

Whoever loads it provides the session fixture `addresses`, an object with the URLs `amqp`,
`postgres` (of a superuser), `redis` and `s3`; the plugin hands out clean corners of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest
import redis.asyncio

from chassis.broker import connect, open_broker
from chassis.broker.topology import queue_names
from chassis.database import Database
from chassis.ids import new_id


class Addresses(Protocol):
    """Where the servers of this test run are."""

    amqp: str
    postgres: str
    redis: str
    s3: str


async def drain(amqp_url: str) -> None:
    """Declare every queue there is and empty it, the waiting rooms too."""
    async with (
        open_broker(connect("tests", amqp_url)),
        await aio_pika.connect(amqp_url) as connection,
    ):
        channel = await connection.channel()
        for name in queue_names():
            await (await channel.get_queue(name, ensure=False)).purge()


@pytest.fixture(scope="module")
def drained(addresses: Addresses) -> None:
    """No file hears what an earlier one said."""
    asyncio.run(drain(addresses.amqp))


@pytest.fixture
def amqp_url(addresses: Addresses, drained: None) -> str:
    """The broker; queues outlive a test, so a test that says something also hears it."""
    return addresses.amqp


def template_of(package: str) -> Callable[[Addresses], str]:
    """The fixture `template` for tests of a service: its tables are made once, and copied."""

    async def migrate(url: str) -> None:
        async with Database.open(url) as database:
            await database.migrate(package)

    @pytest.fixture(scope="session")
    def template(addresses: Addresses) -> str:
        """A database with the tables of the service, which nobody uses."""
        name = f"template_{new_id().hex}"
        asyncio.run(_administer(addresses, f'create database "{name}"'))
        asyncio.run(migrate(url_of(addresses, name)))
        return name

    return template


@pytest.fixture(scope="session")
def template() -> str:
    """What a new database is a copy of: an empty one, where no service's tables are wanted."""
    return "template1"


@pytest.fixture
async def database_url(addresses: Addresses, template: str) -> AsyncIterator[str]:
    """A database of its own, a copy of `template`, dropped afterwards."""
    name = f"test_{new_id().hex}"
    await _administer(addresses, f'create database "{name}" template "{template}"')
    try:
        yield url_of(addresses, name)
    finally:
        await _administer(addresses, f'drop database "{name}" with (force)')


def url_of(addresses: Addresses, database: str) -> str:
    """A database of this name."""
    return urlsplit(addresses.postgres)._replace(path=f"/{database}").geturl()


async def _administer(addresses: Addresses, statement: str) -> None:
    admin = await asyncpg.connect(addresses.postgres)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


@pytest.fixture
async def redis_url(addresses: Addresses) -> AsyncIterator[str]:
    """Redis, emptied afterwards."""
    yield addresses.redis
    async with redis.asyncio.from_url(addresses.redis) as client:
        await client.flushdb()


@pytest.fixture
def blobs_url(addresses: Addresses) -> str:
    """A bucket of its own name; `open_blobs` makes it."""
    base, _, query = addresses.s3.partition("?")
    return f"{base.rstrip('/')}/test-{new_id().hex}?{query}"
