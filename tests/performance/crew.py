"""`make bench NAME=crew`: what a phase costs beside CrewAI alone; how many calls a worker holds.

Broker to broker: a command goes in, its answer comes out, and in between is the whole service with
its ledger and its store; the model knows its answer. Beside it CrewAI runs the same task with the
same model and nothing around it. Held: so many calls of ten seconds are open at once to a model
behind HTTP, as that server sees it, by one worker.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Self
from uuid import UUID

import aiormq
import httpx
from aiormq.abc import DeliveredMessage
from llmock.scenarios import Match, SlowFirstToken
from llmock.testing import LLMockServer

from chassis.broker import Speaker, letter_of
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.events import StepFailed, StepFinished
from journal_contracts.product import PlanName

from .arena import Arena
from .timing import cpu_of, percentile, tell
from .writing import PHASE

AT_ONCE: Final = 16
QUESTIONS_A_JOURNAL: Final = 26
"""Of the standard plan: what `phases.py` fans out to, with one question each."""
GOALS: Final = {"cpu_ratio": 1.5, "overhead_p50_ms": 15, "held": 100}


@dataclass(frozen=True)
class Size:
    """How much of it."""

    rounds: int = 3
    runs: int = 300
    held: int = 128
    call_seconds: float = 10.0


async def bench(arena: Arena, size: Size) -> dict[str, Any]:
    """Some rounds of both, in turns; then the calls that wait."""
    rounds = []
    for number in range(1, size.rounds + 1):
        alone = {"runs": size.runs, "state": str(arena.folder / "bare")}
        bare = await arena.ask("tests.performance.crew_bare", alone)
        ours = await _phases(arena, size)
        tell(f"round {number}: bare {bare}, ours {ours}")
        rounds.append((bare, ours))
    bare, ours = (
        {key: median(each[side][key] for each in rounds) for key in rounds[0][side]}
        for side in (0, 1)
    )
    held = await _held(arena, size)
    return {
        "name": "crew",
        "runs": size.runs,
        "bare": bare,
        "ours": ours,
        "cpu_ratio": round(ours["cpu_ms"] / bare["cpu_ms"], 2),
        "overhead_p50_ms": round(ours["p50_ms"] - bare["p50_ms"], 1),
        "held": held,
        "a_journal": {
            "questions": QUESTIONS_A_JOURNAL,
            "cpu_s": round(QUESTIONS_A_JOURNAL * ours["cpu_ms"] / 1000, 2),
            "cpu_s_behind_http": round(QUESTIONS_A_JOURNAL * held["cpu_ms_a_call"] / 1000, 2),
        },
        "goals": GOALS,
    }


@dataclass
class Counter:
    """Where commands go out and answers come in."""

    speaker: Speaker
    waiting: dict[UUID, asyncio.Future[None]] = field(default_factory=dict)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, amqp: str) -> AsyncIterator[Self]:
        counter = cls(Speaker(ORCHESTRATOR, amqp))
        async with aiormq.Connection(amqp) as line:
            channel = await line.channel()
            queue = (await channel.queue_declare(exclusive=True)).queue or ""
            for answer in (StepFinished, StepFailed):
                await channel.queue_bind(queue, "events", answer.name)
            await channel.basic_consume(queue, counter._hear, no_ack=True)
            yield counter
            await counter.speaker.close()

    async def run(self) -> float:
        """One step; the seconds from its command to its answer."""
        step = RunPhase(
            journal_id=new_id(),
            user_id=new_id(),
            phase=PHASE,
            brief=Brief(theme="mornings", plan=PlanName.EXPRESS),
        )
        answered = self.waiting[step.journal_id] = asyncio.get_running_loop().create_future()
        letter = letter_of(step, new_id(), str(step.journal_id), "writing")
        began = time.monotonic()
        await self.speaker.say_all([letter])
        await answered
        return time.monotonic() - began

    async def _hear(self, delivery: DeliveredMessage) -> None:
        if delivery.header.properties.message_type == StepFailed.name:
            raise RuntimeError(StepFailed.model_validate_json(delivery.body).detail)
        answer = StepFinished.model_validate_json(delivery.body)
        if waiting := self.waiting.pop(answer.journal_id, None):
            waiting.set_result(None)


async def _phases(arena: Arena, size: Size) -> dict[str, float]:
    async with _a_worker(arena, {}) as worker, Counter.open(arena.addresses.amqp) as counter:
        for _ in range(20):
            await counter.run()
        alone = [1000 * await counter.run() for _ in range(size.runs // 3)]
        cpu, began = cpu_of(worker), time.monotonic()
        await _side_by_side(counter, size.runs)
        seconds, cpu = time.monotonic() - began, cpu_of(worker) - cpu
    return {
        "cpu_ms": round(1000 * cpu / size.runs, 2),
        "p50_ms": percentile(alone, 50),
        "phases_per_s": round(size.runs / seconds, 1),
    }


async def _side_by_side(counter: Counter, runs: int) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def run() -> None:
        async with room:
            await counter.run()

    await asyncio.gather(*(run() for _ in range(runs)))


async def _held(arena: Arena, size: Size) -> dict[str, float]:
    """All begin together, so what the worker cannot hold comes a turn later."""
    with LLMockServer() as server:
        told = {
            "JCC_OPENAI_BASE_URL": server.base_url("openai"),
            "JCC_WRITING_AT_ONCE": str(size.held),
        }
        async with _a_worker(arena, told) as worker, Counter.open(arena.addresses.amqp) as counter:
            await _side_by_side(counter, AT_ONCE)
            server.state.scenarios.add(
                SlowFirstToken(size.call_seconds, times=None, match=Match(stream=True))
            )
            empty, cpu, began = _memory(worker), cpu_of(worker), time.monotonic()
            calls = asyncio.gather(*(counter.run() for _ in range(size.held)))
            most, full = 0, empty
            while not calls.done():
                most = max(most, server.state.journal.in_flight)
                full = max(full, _memory(worker))
                await asyncio.sleep(0.1)
            seconds, cpu = time.monotonic() - began, cpu_of(worker) - cpu
            waits = await calls
    return {
        "calls": size.held,
        "at_once": most,
        "seconds": round(seconds, 1),
        "p50_s": percentile(waits, 50),
        "mb_before": round(empty / 1024),
        "kb_a_call": round((full - empty) / size.held),
        "cpu_ms_a_call": round(1000 * cpu / size.held, 1),
    }


@contextlib.asynccontextmanager
async def _a_worker(arena: Arena, more: Mapping[str, str]) -> AsyncIterator[int]:
    """The service, ready; its process id."""
    await arena.drain()
    port, state = _free_port(), arena.folder / f"worker-{new_id().hex}"
    base, _, query = arena.addresses.s3.partition("?")
    told = {
        "JCC_PORT": str(port),
        "JCC_AMQP_URL": arena.addresses.amqp,
        "JCC_AUTH_URL": "http://127.0.0.1:9",
        "JCC_DATABASE_URL": arena.database("crew"),
        "JCC_BLOBS_URL": f"{base.rstrip('/')}/crew?{query}",
        "JCC_STATE": str(state),
        "JCC_POOLS": '["writing"]',
        **more,
    }
    module = "tests.performance.crew_worker"
    async with arena.process(module, environment=told) as process, httpx.AsyncClient() as client:
        while not await _is_ready(client, port):
            if process.returncode is not None:
                raise RuntimeError((arena.folder / "crew_worker.log").read_text()[-2000:])
            await asyncio.sleep(0.1)
        yield process.pid


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


def _memory(process: int) -> int:
    """What it holds in memory, in kB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
