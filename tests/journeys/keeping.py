"""Everything a platform keeps or says, to look for what must be nowhere."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiormq
import asyncpg
import redis.asyncio

from journalcraft.platform import Platform
from journalcraft.wiring import DATABASES

EXCHANGES: Final = ("events", "commands")
SECRET: Final = "keys.json"
"""What the platform is started with is kept for its owner's eyes."""


@contextlib.asynccontextmanager
async def overhearing(platform: Platform) -> AsyncIterator[list[bytes]]:
    """The bodies of all messages, while the block runs."""
    heard: list[bytes] = []

    async def hear(message: aiormq.abc.DeliveredMessage) -> None:
        heard.append(message.body)

    async with aiormq.Connection(platform.addresses.amqp) as line:
        channel = await line.channel()
        queue = (await channel.queue_declare(exclusive=True)).queue or ""
        for exchange in EXCHANGES:
            await channel.queue_bind(queue, exchange, "#")
        await channel.basic_consume(queue, hear, no_ack=True)
        yield heard


async def kept(platform: Platform) -> dict[str, bytes]:
    """By place: every row, every value in Redis, every log and file."""
    rows = [await rows_of(platform, service) for service in DATABASES]
    places = dict(zip(DATABASES, rows, strict=True))
    async with redis.asyncio.from_url(platform.addresses.redis) as client:
        dumped = [await client.dump(key) async for key in client.scan_iter(count=1_000)]
    places["redis"] = b"\n".join(filter(None, dumped))
    places["files"] = await asyncio.to_thread(_files, platform.state)
    return places


async def rows_of(platform: Platform, service: str) -> bytes:
    """A service's whole database, as text."""
    url = platform.program(service).environment["JCC_DATABASE_URL"]
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    rows = [
        row[0]
        for table in tables
        for row in await connection.fetch(f'select t::text from "{table[0]}" t')  # noqa: S608
    ]
    await connection.close()
    return "\n".join(rows).encode()


def _files(state: Path) -> bytes:
    """Without the servers' own, whose rows and objects are looked at by other ways."""
    files = (file for file in state.rglob("*") if file.is_file() and file.name != SECRET)
    return b"\n".join(f.read_bytes() for f in files if "servers" not in f.relative_to(state).parts)
