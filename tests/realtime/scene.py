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
    folder: Path, addresses: Addresses, *, users: int, heartbeat: float
) -> AsyncIterator[Scene]:
    """Build it, everybody ready; take it down at the end."""
    async with contextlib.AsyncExitStack() as stack:
        ports = reserve([ALONE] * (1 + GATEWAYS))
        stack.callback(ports.release)
        nursery = Nursery(*IMPORTED)
        stack.callback(nursery.close)
        first, *others = ports.numbers
        url = f"http://127.0.0.1:{first}"
        chaos = folder / "chaos"
        chaos.write_text("{}")
        told = {
            **os.environ,
            "JCC_AMQP_URL": addresses.amqp,
            "JCC_AUTH_URL": url,
            "JCC_ORCHESTRATOR_URL": url,
            "JCC_MEDIA_URL": url,
            "JCC_REDIS_URL": addresses.redis,
            "JCC_SERVICE_KEY": json.dumps(new_key("gateway-service").as_dict(private=True)),
            "JCC_CHAOS": str(chaos),
            "JCC_HEARTBEAT": str(heartbeat),
            "JCC_USERS": str(users),
        }

        def actor(name: str, module: str, port: int, ready: str) -> Actor:
            environment = {**told, "JCC_PORT": str(port)}
            url = f"http://127.0.0.1:{port}{ready}"
            return Actor(name, module, environment, folder / f"{name}.log", url, None, nursery)

        truth = actor("truth", "tests.realtime.truth", first, "/log")
        gateways = [
            actor(f"gateway-{port}", "tests.realtime.gateway", port, "/readyz") for port in others
        ]
        for each in (truth, *gateways):
            each.start()
            stack.callback(each.kill)
        for each in (truth, *gateways):
            await each.until_ready()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        yield Scene(gateways, others, client, chaos)
