"""A pytest plugin: real servers for the tests of any service, told by one fixture.

Whoever loads it provides the session fixture `addresses`, an object with the URLs `amqp`,
`postgres` (of a superuser), `redis` and `s3`; the plugin hands out clean corners of them.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest
import redis.asyncio

from chassis.broker import connect, open_broker
from chassis.broker.topology import queue_names
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


@pytest.fixture
async def database_url(addresses: Addresses) -> AsyncIterator[str]:
    """A database of its own, empty, dropped afterwards."""
    name = f"test_{new_id().hex}"
    admin = await asyncpg.connect(addresses.postgres)
    await admin.execute(f'create database "{name}"')
    try:
        yield urlsplit(addresses.postgres)._replace(path=f"/{name}").geturl()
    finally:
        await admin.execute(f'drop database "{name}" with (force)')
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
