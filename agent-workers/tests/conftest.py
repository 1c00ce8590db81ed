"""A database with the workers' tables, and a house of models on it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chassis.database import Pool, open_pool
from chassis.testing import Addresses, template_of, url_of

from .clock import Clock
from .house import House

template = template_of("agent_workers")


@pytest.fixture(scope="session")
def database_url(addresses: Addresses, template: str) -> str:
    """One database for all tests here; each finds its tables empty."""
    return url_of(addresses, template)


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
