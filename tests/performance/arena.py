"""Where contestants run: RabbitMQ, a PostgreSQL with fsync, and fresh databases.

Commits are counted by PostgreSQL itself over the whole life of a contestant's processes, its start
included: a session tells its statistics late, but surely when it ends.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg

from chassis.ids import new_id
from chassis.testing import drain
from journalcraft.servers import Addresses, create_database, start_servers
from tests.report import ROOT

from . import worker
from .timing import Run, Task, as_run


class ContestantFailed(RuntimeError):
    """A contestant's process ended before its load did."""


class Arena:
    """Servers, and the processes of one contestant at a time."""

    def __init__(self, addresses: Addresses, folder: Path) -> None:
        self.addresses = addresses
        self.folder = folder

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Start the servers, with fsync."""
        servers = await asyncio.to_thread(start_servers, folder / "servers")
        try:
            yield cls(servers.addresses, folder)
        finally:
            await asyncio.to_thread(servers.stop)

    def database(self, name: str) -> str:
        """A fresh one, and its URL."""
        return create_database(self.addresses.postgres, f"{name}_{new_id().hex[-12:]}")

    async def commits(self, database: str) -> int:
        """How many there were in this database, which nobody uses any more."""
        name = urlsplit(database).path[1:]
        connection = await asyncpg.connect(self.addresses.postgres)
        try:
            while await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = $1", name
            ):
                await asyncio.sleep(0.05)
            counted: int = await connection.fetchval(
                "select xact_commit from pg_stat_database where datname = $1", name
            )
            return counted
        finally:
            await connection.close()

    async def drain(self) -> None:
        """Empty all queues: nobody hears the public events here."""
        await drain(self.addresses.amqp)

    async def run(self, task: Task, module: str, python: Path | str = sys.executable) -> Run:
        """Start a contestant, wait for its end, and return what it told."""
        return as_run(await self.ask(module, asdict(task), python))

    async def ask(
        self, module: str, order: dict[str, Any], python: Path | str = sys.executable
    ) -> Any:
        """The last line of what a module prints, which is JSON."""
        async with self.process(module, order, python) as process:
            told, _ = await process.communicate()
        if process.returncode:
            raise ContestantFailed(f"{module}: {self._log(module).read_text()[-2000:]}")
        return json.loads(told.splitlines()[-1])

    @contextlib.asynccontextmanager
    async def working(self, **how: Any) -> AsyncIterator[tuple[Process, Path]]:
        """A worker while the block runs; afterwards the file says when which step came."""
        came = self.folder / f"came-{new_id().hex}.json"
        job = worker.Job(amqp=self.addresses.amqp, came=str(came), **how)
        async with self.process("tests.performance.worker", asdict(job)) as process:
            yield process, came

    @contextlib.asynccontextmanager
    async def process(
        self,
        module: str,
        order: dict[str, Any] | None = None,
        python: Path | str = sys.executable,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[Process]:
        """A process while the block runs."""
        with self._log(module).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                python,
                "-m",
                module,
                *([json.dumps(order)] if order else []),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()

    def _log(self, module: str) -> Path:
        return self.folder / f"{module.rpartition('.')[2]}.log"
