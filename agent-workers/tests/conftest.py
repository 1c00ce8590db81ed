"""A database with the workers' tables, and a house of models on it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from chassis.database import Database, Pool, open_pool
from chassis.ids import new_id
from chassis.testing import Addresses

from .clock import Clock
from .house import House


@pytest.fixture(scope="session")
def database_url(addresses: Addresses) -> Iterator[str]:
    """One database for all tests here; each finds its tables empty."""
    name = f"test_workers_{new_id().hex}"
    asyncio.run(_administer(addresses, f'create database "{name}"'))
    url = urlsplit(addresses.postgres)._replace(path=f"/{name}").geturl()
    asyncio.run(_migrate(url))
    yield url
    asyncio.run(_administer(addresses, f'drop database "{name}" with (force)'))


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    loop = asyncio.get_running_loop()
    clock = Clock(loop.time())
    monkeypatch.setattr(loop, "time", lambda: clock.now)
    return clock


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(database_url) as pool:
        yield pool
        await pool.execute("truncate paid_call, attempt, ended, bucket")


@pytest.fixture
async def house(pool: Pool) -> AsyncIterator[House]:
    house = House(pool)
    yield house
    for clients in house.clients:
        await clients.close()


@dataclass
class Workers:
    """Workers in processes of their own, one after the other."""

    process: subprocess.Popen[str]
    folder: Path
    """Where they run."""
    log: Path

    def ask(self, order: dict[str, Any]) -> tuple[int, list[str]]:
        """Run one with this order: how it ended, and every line it said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        lines: list[str] = []
        while not (line := self.process.stdout.readline()).startswith('{"ended"'):
            assert line, self.log.read_text()
            lines.append(line.strip())
        return json.loads(line)["ended"], lines


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    log = folder.with_suffix(".log")
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("asking.py")],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        yield Workers(process, folder, log)
        assert process.stdin is not None
        process.stdin.close()


async def _administer(addresses: Addresses, statement: str) -> None:
    connection = await asyncpg.connect(addresses.postgres)
    await connection.execute(statement)
    await connection.close()


async def _migrate(url: str) -> None:
    async with Database.open(url) as database:
        await database.migrate("agent_workers")
