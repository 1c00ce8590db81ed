"""`make bench NAME=sockets`: what connections cost, and what those who do not read cost others.

Five thousand idle ones: the gateway's memory for each. Then all of them are lost and come back at
the same moment: how long until the last has its place again, and was anybody but Redis asked? And
a thousand of which ten stop reading: what others notice, what is kept for the ten, when they are
cut off, and whether they know everything once they have come back. SCALE shrinks it.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection

from gateway_service.connection import STALLED
from journal_client.place import understand
from journal_contracts.realtime import Happened, Hello, Welcome
from journalcraft.servers.ports import ALONE, reserve
from tests.realtime.crowd import Crowd, Listener
from tests.realtime.truth import journals_of, user_of

from .arena import Arena
from .fanout import gateway_with_truth
from .timing import percentile, tell

TABS: Final = 2
GOALS: Final = {
    "kb_each": 25.0,
    "back_s": 10.0,
    "others_asked": 0,
    "p99_ratio": 1.2,
    "mib_each_stalled": 1.5,
    "cut_s": 5.0,
    "lost": 0,
}
PATIENCE: Final = 60.0
LOOK_EVERY: Final = 0.05
ESTABLISHED: Final = "01"
STOPPED: Final = 5
"""Users whose every tab stops reading."""


@dataclass(frozen=True)
class Size:
    """How many, how often."""

    idle: int = 5_000
    readers: int = 1_000
    pairs: int = 5
    rate: float = 100.0
    """Events a second, of all users in turn."""
    rounds: int = 120
    """Of 16 events at once, of those who stop reading."""


@dataclass
class Gateway:
    """The one that is measured, the truth behind it, and who listens."""

    port: int
    pid: int
    truth: httpx.AsyncClient
    crowd: Crowd

    @property
    def listeners(self) -> list["Timed"]:
        return [each for each in self.crowd.listeners if isinstance(each, Timed)]

    @property
    def mib(self) -> float:
        """Its memory, resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    async def log(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.truth.get("/log")).json()
        return told

    async def cut(self) -> int:
        """How many it has ended because they did not read."""
        async with httpx.AsyncClient(trust_env=False) as client:
            told = (await client.get(f"http://127.0.0.1:{self.port}/metrics")).text
        found = re.search(rf'gateway_sockets_parted_total{{code="{STALLED.code}"}} (\S+)', told)
        return int(float(found[1])) if found else 0


class Timed(Listener):
    """Notes when it heard of each event, and can stop reading."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.heard: list[tuple[UUID, int, float]] = []
        self.socket: ClientConnection | None = None

    async def _listen(self, socket: ClientConnection) -> float | None:
        self.socket = socket
        return await super()._listen(socket)

    def _count(self, journal: UUID, n: int, frame: Happened) -> None:
        super()._count(journal, n, frame)
        self.heard.append((journal, n, time.monotonic()))


async def bench(arena: Arena, size: Size) -> dict[str, Any]:
    """Idle, back at once, stalled."""
    async with _gateway(arena, size.idle) as gateway:
        idle = await _idle(gateway)
        tell(f"idle: {idle}")
        back = await _back_at_once(gateway)
        tell(f"back: {back}")
    async with _gateway(arena, size.readers) as gateway:
        await gateway.crowd.connect()
        stalled = await _stalled(gateway, size)
    return {"name": "sockets", "idle": idle, "back": back, "stalled": stalled, "goals": GOALS}


@contextlib.asynccontextmanager
async def _gateway(arena: Arena, sockets: int) -> AsyncIterator[Gateway]:
    await arena.drain()
    ports = reserve([ALONE] * 2)
    port, other = ports.numbers
    users = sockets // TABS
    try:
        async with gateway_with_truth(arena, port, other, users) as (process, truth):
            crowd = Crowd((await truth.get("/tokens")).json(), TABS, [port])
            crowd.listeners = [Timed(each.token, each.ports, each.seen) for each in crowd.listeners]
            yield Gateway(port, process.pid, truth, crowd)
            await crowd.leave()
    finally:
        ports.release()


# --- idle, and back at once ---------------------------------------------------------------------


async def _idle(gateway: Gateway) -> dict[str, float]:
    """Memory for each, beyond what the first few made it load."""
    everybody = gateway.crowd.listeners
    gateway.crowd.listeners = everybody[: len(everybody) // 50]
    await gateway.crowd.connect()
    few, before = len(gateway.crowd.listeners), gateway.mib
    gateway.crowd.listeners = everybody[few:]
    await gateway.crowd.connect()
    gateway.crowd.listeners = everybody
    await asyncio.sleep(2)
    kb = 1024 * (gateway.mib - before) / (len(everybody) - few)
    return {"sockets": len(everybody), "kb_each": round(kb, 1)}


async def _back_at_once(gateway: Gateway) -> dict[str, float]:
    """All are lost; from when they begin to come back until the last one has."""
    await gateway.crowd.leave()
    asked = (await gateway.log())["asked"]
    began = time.monotonic()
    found = await asyncio.gather(*map(_returned, gateway.crowd.listeners))
    seconds = time.monotonic() - began
    return {
        "back_s": round(seconds, 2),
        "recovered": sum(found),
        "others_asked": (await gateway.log())["asked"] - asked,
    }


async def _returned(listener: Listener) -> bool:
    """Say where one was; whether all of it was there."""
    async with listener._connect() as socket:
        hello = Hello(token=listener.token, resume=listener.place)
        await socket.send(hello.model_dump_json(by_alias=True))
        frames = understand(await asyncio.wait_for(socket.recv(), PATIENCE))
        return any(isinstance(each, Welcome) and each.mode == "recovered" for each in frames)


# --- some stop reading --------------------------------------------------------------------------


@dataclass
class Phase:
    """What it was like, with or without those who do not read."""

    p99_ms: float
    most_mib: float
    overflowed: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)


async def _stalled(gateway: Gateway, size: Size) -> dict[str, Any]:
    """The same load in turns: all read, ten do not."""
    crowd = gateway.crowd
    those = gateway.listeners[: STOPPED * TABS]
    pairs: list[tuple[Phase, Phase]] = []
    for number in range(1, size.pairs + 1):
        without = await _phase(gateway, size, ())
        stalled = await _phase(gateway, size, those)
        tell(f"pair {number}: {without.p99_ms} {stalled.p99_ms} ms, {_cut_s(stalled)} s")
        pairs.append((without, stalled))
    return {
        "readers": len(crowd.listeners),
        "stalled": len(those),
        "p99_ms": median(stalled.p99_ms for _, stalled in pairs),
        "p99_ratio": round(median(b.p99_ms / a.p99_ms for a, b in pairs), 2),
        "mib_each_stalled": round(
            median(b.most_mib - a.most_mib for a, b in pairs) / len(those), 2
        ),
        "cut": sum(len(stalled.gone) for _, stalled in pairs),
        "cut_for_holding_too_much": sum(len(stalled.overflowed) for _, stalled in pairs),
        "cut_s": max(_cut_s(stalled) for _, stalled in pairs),
        **{word: crowd.seen.counts[word] for word in ("lost", "duplicate", "reordered", "wrong")},
    }


def _cut_s(phase: Phase) -> float:
    """From when one held too much until it was gone; the n-th of both is taken for the same.

    Who is cut because a message was not taken in time may never have held too much.
    """
    both = zip(phase.overflowed, phase.gone[-len(phase.overflowed) :], strict=False)
    return round(max((gone - full for full, gone in both), default=0.0), 2)


async def _phase(gateway: Gateway, size: Size, stopped: Sequence[Timed]) -> Phase:
    """The load; then all come to the truth."""
    phase = Phase(0.0, gateway.mib)
    for listener in stopped:
        assert listener.socket is not None
        listener.socket.transport.pause_reading()
    watching = asyncio.create_task(_watch(gateway, phase, stopped))
    await gateway.truth.post("/rate", json={"rate": size.rate})
    bursts = {"rounds": size.rounds, "burst": 16, "rate": 800.0, "users": STOPPED}
    await gateway.truth.post("/go", json=bursts)
    while (await gateway.log())["going"]:
        await asyncio.sleep(LOOK_EVERY)
    await gateway.truth.post("/rate", json={"rate": 0})
    if stopped:
        await asyncio.wait_for(watching, PATIENCE)
    watching.cancel()
    for listener in stopped:
        assert listener.socket is not None
        listener.socket.transport.resume_reading()
    await _all_know(gateway)
    phase.p99_ms = await _p99(gateway)
    return phase


async def _watch(gateway: Gateway, phase: Phase, stopped: Sequence[Timed]) -> None:
    """When each of them overflowed and was gone, and the most memory meanwhile."""
    before = await gateway.cut()
    there = {each.socket.local_address[1] for each in stopped if each.socket is not None}
    while not stopped or len(phase.gone) < len(stopped):
        await asyncio.sleep(LOOK_EVERY)
        phase.most_mib = max(phase.most_mib, gateway.mib)
        if stopped:
            now, cut = time.monotonic(), await gateway.cut() - before
            phase.overflowed += [now] * (cut - len(phase.overflowed))
            gone = there - _held_by(gateway.port)
            there -= gone
            phase.gone += [now] * len(gone)


def _held_by(port: int) -> set[int]:
    """The other ends of what a server's side holds open, as the kernel knows it."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split()[1:4] for line in lines]
    return {
        int(there.rpartition(":")[2], 16)
        for here, there, state in rows
        if state == ESTABLISHED and int(here.rpartition(":")[2], 16) == port
    }


async def _all_know(gateway: Gateway) -> None:
    """Nobody may be missing anything once it is quiet."""
    while (told := await gateway.log())["unsaid"]:
        await asyncio.sleep(LOOK_EVERY)
    truth = {UUID(journal): count for journal, count in told["journals"].items()}
    crowd = gateway.crowd
    owned = {n: journals_of(user_of(n)) for n in range(len(crowd.listeners) // TABS)}
    until = time.monotonic() + PATIENCE
    while (missing := crowd.missing(truth, owned)) and time.monotonic() < until:
        await asyncio.sleep(LOOK_EVERY)
    crowd.seen.counts["lost"] += missing


async def _p99(gateway: Gateway) -> float:
    """Milliseconds from an event to its reader, of those who read."""
    told = {UUID(j): times for j, times in (await gateway.truth.get("/times")).json().items()}
    counts = (await gateway.log())["journals"]
    first = {journal: counts[str(journal)] - len(times) for journal, times in told.items()}
    took = []
    for number, reader in enumerate(gateway.listeners):
        if number >= STOPPED * TABS:
            heard = ((j, n - first[j] - 1, at) for j, n, at in reader.heard if j in told)
            took += [1_000 * (at - told[j][n]) for j, n, at in heard if n >= 0]
        reader.heard.clear()
    return percentile(took, 99)


def scale_asked_for() -> Size:
    """SCALE shrinks it for a quick look."""
    scale = float(os.environ.get("SCALE", "1"))
    size = Size()
    if scale >= 1:
        return size
    return Size(idle=int(size.idle * scale), readers=max(50, int(size.readers * scale)), pairs=1)
