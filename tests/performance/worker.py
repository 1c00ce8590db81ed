"""`python -m tests.performance.worker`: does nothing, and says so, as the workers' code would.

Hearing and speaking are the chassis' own. When each step came is written to a file at the end.
"""

import asyncio
import contextlib
import gc
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from chassis import telemetry
from chassis.broker import Letter, Speaker, connect, hear, hearing_hot, letter_of, open_broker, say
from chassis.ids import new_id
from chassis.jobs import running
from journal_contracts.catalogue import MEDIA, POOLS, WORKERS
from journal_contracts.commands import RegisterAssets, RunPhase
from journal_contracts.events import AssetsRegistered, StepFinished, WorkerAlive
from journal_contracts.message import StepRef
from tests.instant.facts import facts_of

from .plain import PlainSpeaker

HEARTBEAT_SECONDS: Final = 0.5

Came = tuple[float, str, str, str, str]
"""When a step came, of which user, which journal, which phase, which part."""


@dataclass(frozen=True)
class Job:
    """How to work: `at_once` steps of each pool side by side, each for `seconds`."""

    amqp: str
    came: str
    """The file for every `Came`."""
    manner: str = "hot"
    at_once: int = 512
    seconds: float = 0.0


async def main(job: Job) -> list[Came]:
    """Work until SIGTERM; what came."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker, worker = connect(WORKERS, job.amqp), new_id()
    speaker = (Speaker if job.manner == "hot" else PlainSpeaker)(WORKERS, job.amqp)
    came: list[Came] = []

    async def take(step: RunPhase) -> None:
        journal = str(step.journal_id)
        came.append((time.monotonic(), str(step.user_id), journal, step.phase, step.part))
        if job.seconds:
            await asyncio.sleep(job.seconds)
        await answer(StepFinished(**fence_of(step), facts=facts_of(step)))

    async def register(command: RegisterAssets) -> None:
        await answer(AssetsRegistered(**fence_of(command), assets=("journal.pdf",)))

    async def answer(message: StepFinished | AssetsRegistered) -> None:
        letter: Letter = letter_of(message, new_id(), str(message.journal_id))
        if not all(await speaker.say_all([letter])):
            raise ConnectionError("the broker did not take the answer")

    async def keep_saying_alive() -> None:
        alive = WorkerAlive(worker=worker, at_once=dict.fromkeys(POOLS, job.at_once))
        while True:
            await say(broker, alive)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(speaker.close)
        hear(broker, MEDIA, RegisterAssets, register)
        if job.manner != "hot":
            for pool in POOLS:
                hear(broker, WORKERS, RunPhase, take, pool=pool, prefetch=job.at_once)
        await stack.enter_async_context(open_broker(broker))
        if job.manner == "hot":
            for pool in POOLS:
                hearing = hearing_hot(
                    broker, job.amqp, WORKERS, RunPhase, take, pool=pool, prefetch=job.at_once
                )
                await stack.enter_async_context(hearing)
        await stack.enter_async_context(running("heartbeat", keep_saying_alive))
        await stop.wait()
    return came


def fence_of(step: StepRef) -> dict[str, object]:
    """The fields of the step alone."""
    return step.model_dump(include=set(StepRef.model_fields))


if __name__ == "__main__":
    gc.freeze()  # as the service does
    telemetry.start(WORKERS)
    given = Job(**json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the service has it
        Path(given.came).write_text(json.dumps(runner.run(main(given))))
