"""The scene of a realtime run: three gateways that can be killed, and the truth they tell of."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from chassis.identity import new_key
from journalcraft.servers import Addresses
from journalcraft.servers.ports import ALONE, reserve
from tests.faults.nursery import Nursery
from tests.faults.stage import Actor

GATEWAYS: Final = 3
IMPORTED: Final = ("tests.realtime.gateway", "tests.realtime.truth", "gateway_service.app")
ORCHESTRATOR: Final = "tests.instant.orchestrator"


@dataclass
class Scene:
    """What can be struck, and what can be asked."""

    gateways: list[Actor]
    ports: Sequence[int]
    truth: httpx.AsyncClient
    chaos: Path

    async def tokens(self) -> list[str]:
        found: list[str] = (await self.truth.get("/tokens")).json()
        return found

    async def go_at(self, rate: float) -> None:
        """So many events a second from now on."""
        await self.truth.post("/rate", json={"rate": rate})

    async def log(self) -> dict[UUID, int]:
        """Of each journal the number of events, once the broker has all of them."""
        while (told := (await self.truth.get("/log")).json())["unsaid"]:
            await asyncio.sleep(0.05)
        return {UUID(journal): count for journal, count in told["journals"].items()}

    def make_bad(self, which: Sequence[Actor], **how: Any) -> None:
        """Let these gateways' last hop lose things, or their stampers die; or let it be."""
        self.chaos.write_text(json.dumps(how))
        for actor in which:
            with contextlib.suppress(ProcessLookupError):
                os.kill(actor.pid, signal.SIGUSR1)


@contextlib.asynccontextmanager
async def a_scene(
    folder: Path,
    addresses: Addresses,
    *,
    users: int,
    heartbeat: float,
    gateways: int = GATEWAYS,
    database: str | None = None,
) -> AsyncIterator[Scene]:
    """Build it, everybody ready; take it down at the end.

    On a `database` the orchestrator is the real one; of the truth there is only who signs in.
    """
    async with contextlib.AsyncExitStack() as stack:
        ports = reserve([ALONE] * (2 + gateways))
        stack.callback(ports.release)
        nursery = Nursery(*IMPORTED, *([ORCHESTRATOR] if database else []))
        stack.callback(nursery.close)
        first, second, *others = ports.numbers
        url = f"http://127.0.0.1:{first}"
        owner = f"http://127.0.0.1:{second}" if database else url
        chaos = folder / "chaos"
        chaos.write_text("{}")
        told = {
            **os.environ,
            "JCC_AMQP_URL": addresses.amqp,
            "JCC_AUTH_URL": url,
            "JCC_ORCHESTRATOR_URL": owner,
            "JCC_MEDIA_URL": url,
            "JCC_WORKERS_URL": url,
            "JCC_REDIS_URL": addresses.redis,
            "JCC_SERVICE_KEY": json.dumps(new_key("gateway-service").as_dict(private=True)),
            "JCC_CHAOS": str(chaos),
            "JCC_HEARTBEAT": str(heartbeat),
            "JCC_USERS": str(users),
            **({"JCC_DATABASE_URL": database} if database else {}),
        }

        def actor(name: str, module: str, port: int, ready: str) -> Actor:
            environment = {**told, "JCC_PORT": str(port)}
            url = f"http://127.0.0.1:{port}{ready}"
            return Actor(name, module, environment, folder / f"{name}.log", url, None, nursery)

        owners = [actor("truth", "tests.realtime.truth", first, "/log")]
        if database:
            owners.append(actor("orchestrator", ORCHESTRATOR, second, "/readyz"))
        doors = [
            actor(f"gateway-{port}", "tests.realtime.gateway", port, "/readyz") for port in others
        ]
        for each in (*owners, *doors):
            each.start()
            stack.callback(each.kill)
        for each in (*owners, *doors):
            await each.until_ready()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        yield Scene(doors, others, client, chaos)
