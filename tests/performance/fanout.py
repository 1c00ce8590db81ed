"""`make bench NAME=fanout`: how many deliveries does a second of a server's CPU buy?

Users with five sockets each; every event goes to all sockets of one user. Ours is measured twice:
`hop` is what a replica does with events that have their offset (from RabbitMQ to the sockets, in
order, through bounded queues), `ours` is one gateway that does everything, from the durable queue
by way of the stamper and the history in Redis. The peers, python-socketio and Socket.IO, make their
events themselves, in memory, and keep none: less than either of ours does. One client, in a process
of its own, for all of them; contestants take turns for some rounds, and a figure is the median. A
ratio says how many times better ours is: below 1 the peer wins.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import aio_pika
import httpx

from chassis.broker.topology import LIVE, bucket_of
from chassis.identity import new_key
from gateway_service import feed as feeds
from gateway_service.feed import Feed
from gateway_service.live import EPOCH, OFFSET, USER
from gateway_service.stamper import durable_frame
from journal_contracts.realtime import SUBPROTOCOL
from journalcraft.servers.ports import ALONE, reserve
from tests.apart import NotInstalled, python_of
from tests.realtime.truth import event_of, journals_of, user_of
from tests.report import ROOT

from .arena import Arena
from .timing import cpu_of, tell

PEERS: Final = ("python_socketio", "socketio")
HERE: Final = Path(__file__).parent / "peers" / "socketio"
INSTALLED: Final = ROOT / ".state" / "socketio"
GOALS: Final = {
    "single": {"python_socketio": 5.0, "socketio": 0.6, "socketio_aim": 1.0},
    "burst": {"socketio": 4.0},
}
PATIENCE: Final = 120.0


@dataclass(frozen=True)
class Load:
    """Events for each user in turn, `burst` at once, `rate` a second."""

    rounds: int
    burst: int
    rate: float


@dataclass(frozen=True)
class Size:
    """How much of it."""

    rounds: int = 3
    users: int = 100
    tabs: int = 5
    loads: tuple[tuple[str, Load], ...] = (
        ("single", Load(30, 1, 400)),
        ("burst", Load(3, 16, 1_600)),
    )


@dataclass(frozen=True)
class Contestant:
    """A running server: what it speaks, whose CPU counts, and how it is made to go."""

    speaks: str
    port: int
    process: Process
    tokens: Sequence[str]
    go: Callable[[Load], Awaitable[None]]


async def bench(arena: Arena, size: Size) -> dict[str, Any]:
    """All of them, in turns."""
    rounds: dict[str, list[dict[str, float]]] = {}
    excuses: dict[str, dict[str, str]] = {}
    for number in range(1, size.rounds + 1):
        for name in ("ours", "hop", *PEERS):
            if name in excuses:
                continue
            try:
                async with _contestant(arena, name, size) as contestant:
                    figures = await _measured(arena, contestant, size)
            except NotInstalled as reason:
                excuses[name] = {"not_installed": str(reason)}
                continue
            tell(f"round {number}: {name} {json.dumps(figures)}")
            rounds.setdefault(name, []).append(figures)
    found = {
        name: {load: round(median(each[load] for each in figures)) for load, _ in size.loads}
        for name, figures in rounds.items()
    }
    return {
        "name": "fanout",
        "unit": "deliveries per second of the server's CPU",
        "sockets": size.users * size.tabs,
        "ours": found.pop("ours"),
        "hop": (hop := found.pop("hop")),
        "peers": {**found, **excuses},
        "ratios": {
            load: {peer: round(hop[load] / figures[load], 2) for peer, figures in found.items()}
            for load, _ in size.loads
        },
        "ratios_are_of": "hop",
        "goals": GOALS,
    }


async def _measured(arena: Arena, contestant: Contestant, size: Size) -> dict[str, float]:
    """Every load on one contestant."""
    order = {
        "speaks": contestant.speaks,
        "port": contestant.port,
        "tokens": contestant.tokens,
        "sockets": size.users * size.tabs,
    }
    figures = {}
    async with arena.process("tests.performance.listening", order) as client:
        assert client.stdout is not None
        if (await client.stdout.readline()).strip() != b"in":
            raise RuntimeError("the client did not get in")
        await _came(client, 0)
        whole = 0
        for name, load in size.loads:
            await asyncio.sleep(1)
            events = size.users * load.rounds * load.burst
            cpu, before = cpu_of(contestant.process.pid), whole
            whole += events * size.tabs
            await contestant.go(load)
            async with asyncio.timeout(PATIENCE):
                came = await _came(client, whole)
            seconds = cpu_of(contestant.process.pid) - cpu
            figures[name] = round((came - before) / max(seconds, 0.01), 1)
    return figures


async def _came(client: Process, wanted: int) -> int:
    """Read on until so many have come."""
    assert client.stdout is not None
    while True:
        came = int((await client.stdout.readline()).split()[0])
        if came >= wanted:
            return came


# --- the contestants ----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _contestant(arena: Arena, name: str, size: Size) -> AsyncIterator[Contestant]:
    ports = reserve([ALONE] * 2)
    try:
        port, other = ports.numbers
        if name in PEERS:
            async with _peer(arena, name, port, size) as contestant:
                yield contestant
        else:
            async with _ours(arena, name, port, other, size) as contestant:
                yield contestant
    finally:
        ports.release()


@contextlib.asynccontextmanager
async def _ours(
    arena: Arena, name: str, port: int, other: int, size: Size
) -> AsyncIterator[Contestant]:
    """A gateway, and the truth that it asks; the hop is told directly."""
    await arena.drain()
    async with gateway_with_truth(arena, port, other, size.users) as (process, truth):
        tokens = (await truth.get("/tokens")).json()

        async def go(load: Load) -> None:
            asked = {"rate": load.rate, "burst": load.burst, "rounds": load.rounds}
            await truth.post("/go", json=asked)

        async def tell_hop(load: Load) -> None:
            await hop.go(load)

        if name == "ours":
            yield Contestant("ours", port, process, tokens, go)
        else:
            async with Hop.open(arena, size.users) as hop:
                yield Contestant("ours", port, process, tokens, tell_hop)


@contextlib.asynccontextmanager
async def gateway_with_truth(
    arena: Arena, port: int, other: int, users: int
) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A gateway as it is, in front of `tests.realtime.truth`."""
    url = f"http://127.0.0.1:{other}"
    shared = {"JCC_AMQP_URL": arena.addresses.amqp}
    truth = {**shared, "JCC_PORT": str(other), "JCC_USERS": str(users)}
    gateway = {
        **shared,
        "JCC_PORT": str(port),
        "JCC_AUTH_URL": url,
        "JCC_ORCHESTRATOR_URL": url,
        "JCC_MEDIA_URL": url,
        "JCC_WORKERS_URL": url,
        "JCC_REDIS_URL": arena.addresses.redis,
        "JCC_SERVICE_KEY": json.dumps(new_key("gateway-service").as_dict(private=True)),
    }
    async with (
        arena.process("tests.realtime.truth", environment=truth),
        arena.process("gateway_service", environment=gateway) as process,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        await until_answered(f"{url}/log")
        await until_answered(f"http://127.0.0.1:{port}/readyz")
        yield process, client


class Hop:
    """Says stamped events to the replicas, as a stamper does."""

    def __init__(self, exchange: aio_pika.abc.AbstractExchange, epochs: Sequence[str]) -> None:
        self._exchange = exchange
        self._epochs = epochs
        self._tops = [0] * len(epochs)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, arena: Arena, users: int) -> AsyncIterator["Hop"]:
        redis = feeds.connect(arena.addresses.redis)
        await redis.flushall()
        feed = Feed(redis)
        epochs = [(await feed.position(user_of(number))).epoch for number in range(users)]
        async with await aio_pika.connect(arena.addresses.amqp) as connection:
            channel = await connection.channel(publisher_confirms=False)
            exchange = await channel.get_exchange(LIVE.name, ensure=False)
            yield cls(exchange, epochs)
        await redis.aclose()

    async def go(self, load: Load) -> None:
        loop = asyncio.get_running_loop()
        began, told = loop.time(), 0
        for _ in range(load.rounds):
            for user in range(len(self._epochs)):
                for _ in range(load.burst):
                    await self._tell(user)
                told += load.burst
                if (early := began + told / load.rate - loop.time()) > 0.002:
                    await asyncio.sleep(early)

    async def _tell(self, number: int) -> None:
        self._tops[number] += 1
        user, offset = user_of(number), self._tops[number]
        event = event_of(user, journals_of(user)[0], offset)
        frame = durable_frame(event.name, event.model_dump(mode="json"))
        message = aio_pika.Message(
            b'{"o":%d,' % offset + frame[1:],
            headers={USER: str(user), EPOCH: self._epochs[number], OFFSET: offset},
            type=SUBPROTOCOL,
        )
        await self._exchange.publish(message, f"u.{bucket_of(user)}", mandatory=False)


@contextlib.asynccontextmanager
async def _peer(arena: Arena, name: str, port: int, size: Size) -> AsyncIterator[Contestant]:
    if name == "socketio":
        words: tuple[str, ...] = (*await asyncio.to_thread(_node), str(port))
    else:
        python = await asyncio.to_thread(python_of, "bench")
        module = "tests.performance.peers.socketio_python"
        words = (str(python), "-m", module, json.dumps({"port": port}))
    with (arena.folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, stdin=DEVNULL, stdout=DEVNULL, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    async def go(load: Load) -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.get("/go", params={"users": size.users, **asdict(load)})

    try:
        await until_answered(f"{url}/ready")
        yield Contestant("socketio", port, process, [""] * size.users, go)
    finally:
        process.terminate()
        await process.wait()


def _node() -> tuple[str, str]:
    """Node and the server, with what the lock lists beside it; nothing of it is run to install."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstalled("there is no Node.js")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(HERE / file, INSTALLED / file)
    words = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    done = subprocess.run(words, cwd=INSTALLED, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(done.stderr.strip()[-300:])
    return node, str(INSTALLED / "server.js")


async def until_answered(url: str) -> None:
    """Until this is answered with 200."""
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.1)


def scale_asked_for() -> Size:
    """SCALE shrinks it for a quick look."""
    scale = float(os.environ.get("SCALE", "1"))
    size = Size()
    if scale >= 1:
        return size
    return Size(rounds=1, users=max(4, int(size.users * scale)))
