"""The scene of a fault run: servers, two orchestrators, two instant workers; half behind wires."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from chassis.identity import new_key
from journal_contracts.catalogue import ORCHESTRATOR
from journalcraft.servers import Servers, create_database, start_servers
from journalcraft.servers.ports import ALONE, reserve

from .nursery import ROOT, Nursery
from .proxy import Wire

ORCHESTRATORS: Final = ("orchestrator-a", "orchestrator-b")
WORKERS: Final = ("worker-a", "worker-b")
WIRED: Final = {"orchestrator-a", "worker-a"}
"""Whose every connection can be reset and stalled; wires cost what the others get done."""
PATIENCE: Final = 240.0
"""Seconds an actor has to be ready while all around it is struck, on a slow machine."""


@dataclass
class Actor:
    """One process of the scene; it is killed, and comes back under the same name."""

    name: str
    module: str
    environment: Mapping[str, str]
    log: Path
    ready_url: str | None
    ready_file: Path | None
    nursery: Nursery
    pid: int = 0

    def start(self, **more: str) -> None:
        """Begin it, with further environment variables for this life only."""
        if self.ready_file is not None:
            self.ready_file.unlink(missing_ok=True)
        environment = {**self.environment, **more}
        if more:  # the linker has to see them: a fork would be too late
            self.pid = _spawned(self.module, environment, self.log)
        else:
            self.pid = self.nursery.bear(self.module, environment, self.log)

    def arm(self, failpoints: Iterable[str]) -> None:
        """Let it die by itself when it comes to the first of these points."""
        self._failpoint_file.write_text("\n".join(failpoints))
        self._signal(signal.SIGUSR1)

    @property
    def last_words(self) -> str:
        """The point it died at, where it died by itself."""
        return self._failpoint_file.read_text()

    @property
    def _failpoint_file(self) -> Path:
        return Path(self.environment["JCC_FAILPOINT_FILE"])

    def kill(self) -> None:
        """As `kill -9` does."""
        self._signal(signal.SIGKILL)
        while not self.is_dead:
            time.sleep(0.005)

    @property
    def is_dead(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def until_ready(self) -> None:
        """Wait until it can do its work; one that gives up at its start is started again."""
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False) as client:
            while not await self._is_ready(client):
                if self.is_dead:
                    await asyncio.sleep(0.5)
                    self.start()
                await asyncio.sleep(0.05)

    async def until_dead(self, seconds: float) -> bool:
        """Whether it dies by itself, at a failpoint, in this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_dead:
                    await asyncio.sleep(0.02)
        return self.is_dead

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        if self.ready_file is not None:
            return self.ready_file.exists()
        assert self.ready_url is not None
        with contextlib.suppress(httpx.HTTPError):
            return (await client.get(self.ready_url)).status_code == httpx.codes.OK
        return False


@dataclass
class Stage:
    """Everything a fault can strike."""

    folder: Path
    servers: Servers
    database: str
    workers_database: str
    wires: dict[str, Wire]
    actors: dict[str, Actor]

    @property
    def chaos(self) -> Path:
        """What the workers' speakers are told to do wrong."""
        return self.folder / "chaos"

    @property
    def calls(self) -> Path:
        """A line for each call to the model."""
        return self.folder / "calls"


@contextlib.asynccontextmanager
async def a_stage(folder: Path) -> AsyncIterator[Stage]:
    """Build it, all actors ready; take it down at the end."""
    async with contextlib.AsyncExitStack() as stack:
        servers = await asyncio.to_thread(start_servers, folder / "servers", durable=False)
        stack.push_async_callback(asyncio.to_thread, servers.stop)
        database = create_database(servers.addresses.postgres, "orchestrator")
        workers = create_database(servers.addresses.postgres, "workers")
        wires = {
            "amqp": Wire(servers.addresses.amqp),
            "orchestrator": Wire(database),
            "workers": Wire(workers),
        }
        wired = {}
        for name, wire in wires.items():
            wired[name] = await wire.open()
            stack.push_async_callback(wire.close)
        direct = {"amqp": servers.addresses.amqp, "orchestrator": database, "workers": workers}
        ports = reserve([ALONE] * len(ORCHESTRATORS))
        stack.callback(ports.release)
        nursery = Nursery()
        stack.callback(nursery.close)
        actors = {}
        for name, port in zip(ORCHESTRATORS, ports.numbers, strict=True):
            urls = wired if name in WIRED else direct
            told = {
                "JCC_PORT": str(port),
                "JCC_AMQP_URL": urls["amqp"],
                "JCC_DATABASE_URL": urls["orchestrator"],
                "JCC_AUTH_URL": "http://127.0.0.1:1",
                "JCC_SERVICE_KEY": json.dumps(new_key(ORCHESTRATOR).as_dict(private=True)),
                "JCC_FAILPOINT_FILE": str(folder / f"{name}.failpoint"),
            }
            actors[name] = Actor(
                name,
                "tests.instant.orchestrator",
                {**os.environ, **told},
                folder / f"{name}.log",
                f"http://127.0.0.1:{port}/readyz",
                None,
                nursery,
            )
        stage = Stage(folder, servers, database, workers, wires, actors)
        for name in WORKERS:
            urls = wired if name in WIRED else direct
            told = {
                "JCC_AMQP_URL": urls["amqp"],
                "JCC_DATABASE_URL": urls["workers"],
                "JCC_BLOBS": str(folder / "blobs"),
                "JCC_CALLS": str(stage.calls),
                "JCC_CHAOS": str(stage.chaos),
                "JCC_READY": str(folder / f"{name}.ready"),
            }
            actors[name] = Actor(
                name,
                "tests.instant.worker",
                {**os.environ, **told},
                folder / f"{name}.log",
                None,
                folder / f"{name}.ready",
                nursery,
            )
        stack.callback(_end, actors)
        for actor in actors.values():
            actor.start()
        await asyncio.gather(*(actor.until_ready() for actor in actors.values()))
        yield stage


def _end(actors: Mapping[str, Actor]) -> None:
    for actor in actors.values():
        if actor.pid:
            actor.kill()


def _spawned(module: str, environment: Mapping[str, str], log: Path) -> int:
    """The pid of a new process of ours; a thread buries it, as the kernel does the nursery's."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid
