"""One run: find the rate, kill, strike in every other way, and ask each time who knows what."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from redis.asyncio import Redis

from journalcraft.servers import Servers
from tests.performance.timing import percentile, tell

from .crowd import Crowd, Seen
from .scene import Scene, a_scene
from .truth import journals_of, user_of

TABS: Final = 2
BUSY: Final = 0.70
"""The share of the machine's CPU that the rate we look for may take."""
CPU_SECONDS: Final = 4.0
PATIENCE: Final = 90.0
PROMISES: Final = ("lost", "duplicate", "reordered", "wrong", "gaps")


@dataclass(frozen=True)
class Size:
    """How much, how long."""

    users: int = 500
    kills: int = 12
    every: float = 5.0
    rate: float | None = None
    """Events a second; without one it is found."""
    heartbeat: float = 25.0
    strikes: Mapping[str, float] = field(
        default_factory=lambda: {
            "broker restarted": 15.0,
            "stampers killed before telling": 5,
            "two stampers": 10.0,
            "redis emptied": 2,
            "one in twenty lost, doubled or late": 20.0,
        }
    )
    """What else strikes, and for how many seconds or how often."""


class Run:
    """Everything a strike needs at hand."""

    def __init__(self, size: Size, scene: Scene, crowd: Crowd, servers: Servers) -> None:
        self.size, self.scene, self.crowd, self.servers = size, scene, crowd, servers
        self.rate = size.rate or 0.0
        self.owned = {number: journals_of(user_of(number)) for number in range(size.users)}
        self.phases: dict[str, dict[str, Any]] = {}

    # --- what strikes ---------------------------------------------------------------------------

    async def kills(self, count: float) -> None:
        """Kill -9 a gateway, one after the other; each is begun again at once."""
        for number in range(int(count)):
            actor = self.scene.gateways[number % len(self.scene.gateways)]
            struck = time.monotonic()
            actor.kill()
            actor.start()
            await actor.until_ready()
            await asyncio.sleep(max(0.0, struck + self.size.every - time.monotonic()))

    async def broker(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 5)
        await asyncio.to_thread(self.servers.restart, "rabbitmq", kill=True)
        await asyncio.sleep(seconds)

    async def untold(self, count: float) -> None:
        """The stamper dies between appending and telling; the event comes to another."""
        for number in range(int(count)):
            actor = self.scene.gateways[number % len(self.scene.gateways)]
            self.scene.make_bad([actor], dies=True)
            if not await actor.until_dead(10):
                raise AssertionError("the stamper had nothing to tell")
            self.scene.make_bad([])
            actor.start()
            await actor.until_ready()

    async def two(self, seconds: float) -> None:
        """One gateway away: two stampers share every queue, and have twice the work in flight."""
        actor = self.scene.gateways[0]
        actor.kill()
        await asyncio.sleep(seconds)
        actor.start()
        await actor.until_ready()

    async def emptied(self, count: float) -> None:
        async with Redis.from_url(self.servers.addresses.redis) as redis:
            for _ in range(int(count)):
                await asyncio.sleep(self.size.every / 2)
                await redis.flushall()
                await asyncio.sleep(self.size.every / 2)

    async def bad_hop(self, seconds: float) -> None:
        self.scene.make_bad(self.scene.gateways, bad=0.05)
        await asyncio.sleep(seconds)
        self.scene.make_bad(self.scene.gateways)

    # --- around it ------------------------------------------------------------------------------

    async def strike(self, name: str, how: Callable[[float], Awaitable[None]], much: float) -> Seen:
        """Let it strike at full rate; then all have to come to what is true."""
        self.crowd.forget()
        self.crowd.renew(await self.scene.tokens())
        await self.scene.go_at(self.rate)
        began, cpu = time.monotonic(), _cpu()
        await how(much)
        busy = _busy(cpu)
        await self.scene.go_at(0)
        seconds = time.monotonic() - began
        quiet = time.monotonic()
        truth = await self.scene.log()
        missing = await self._missing(truth)
        seen = self.crowd.forget()
        seen.counts["lost"] += missing
        self.phases[name] = {
            "seconds": round(seconds, 1),
            "cpu": round(busy, 2),
            "quiet_after_s": round(time.monotonic() - quiet, 1),
            **{word: seen.counts[word] for word in PROMISES},
            **{word: count for word, count in sorted(seen.counts.items()) if word not in PROMISES},
            "resume_ms": spread(seen.resume_ms),
        }
        tell(f"{name}: {self.phases[name]}")
        return seen

    async def find_rate(self) -> None:
        """The highest rate at which the machine is not busier than it may be, in one proportion."""
        await self.scene.go_at(0)
        await asyncio.sleep(2)
        idle, rate = await self._cpu_at(0), 50.0
        while (busy := await self._cpu_at(rate)) < 0.8 * BUSY:
            fits = rate * (BUSY - idle) / max(busy - idle, 0.01)
            rate = min(0.95 * fits, 2.5 * rate)
        self.rate = float(round(rate * (BUSY - idle) / (busy - idle)))
        while (busy := await self._cpu_at(self.rate)) > BUSY:
            self.rate = float(round(0.93 * self.rate))
        self.phases["finding the rate"] = {"idle_cpu": round(idle, 2), "cpu": round(busy, 2)}
        await self.scene.go_at(0)
        await self._missing(await self.scene.log())

    async def _cpu_at(self, rate: float) -> float:
        await self.scene.go_at(rate)
        await asyncio.sleep(1)
        cpu = _cpu()
        await asyncio.sleep(CPU_SECONDS)
        return _busy(cpu)

    async def _missing(self, truth: Mapping[UUID, int]) -> int:
        """What is missing once nothing comes any more."""
        until = time.monotonic() + PATIENCE
        while (missing := self.crowd.missing(truth, self.owned)) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        return missing


async def run(size: Size, folder: Path, servers: Servers) -> dict[str, Any]:
    """The whole of it; what the report says."""
    async with a_scene(
        folder, servers.addresses, users=size.users, heartbeat=size.heartbeat
    ) as scene:
        crowd = Crowd(await scene.tokens(), TABS, scene.ports)
        run = Run(size, scene, crowd, servers)
        try:
            await crowd.connect()
            tell(f"{len(crowd.listeners)} sockets are in")
            if size.rate is None:
                await run.find_rate()
                tell(f"{run.rate:.0f} events a second: {run.phases}")
            killed = await run.strike("gateways killed", run.kills, size.kills)
            strikes = {
                "broker restarted": run.broker,
                "stampers killed before telling": run.untold,
                "two stampers": run.two,
                "redis emptied": run.emptied,
                "one in twenty lost, doubled or late": run.bad_hop,
            }
            for name, much in size.strikes.items():
                await run.strike(name, strikes[name], much)
        finally:
            await crowd.leave()
    resumed = killed.counts["recovered"] + killed.counts["snapshot"]
    struck = run.phases.values()
    return {
        "sockets": TABS * size.users,
        "rate": run.rate,
        "kills": size.kills,
        **{
            word: sum(phase.get(word, 0) for phase in struck)
            for word in ("lost", "duplicate", "reordered")
        },
        "partial_replays": sum(phase.get("gaps", 0) for phase in struck),
        "recovered": round(killed.counts["recovered"] / max(resumed, 1), 4),
        "resume_ms": spread(killed.resume_ms),
        "goals": {"rate": 200, "recovered": 1, "resume_p99_ms": 400, "lost": 0},
        "phases": run.phases,
    }


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """The middle, and what one in a hundred exceeds."""
    named = {"p50": 50, "p99": 99}
    return {name: percentile(values, at) if values else None for name, at in named.items()}


def _cpu() -> tuple[int, int]:
    """What the machine was busy with, and all there was, in ticks."""
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def _busy(since: tuple[int, int]) -> float:
    busy, whole = (now - then for now, then in zip(_cpu(), since, strict=True))
    return busy / max(whole, 1)
