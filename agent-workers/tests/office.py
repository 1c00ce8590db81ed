"""The other side of the broker, for tests: steps go out, answers and passing words come in."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import aiormq
import httpx
from aiormq.abc import AbstractChannel, DeliveredMessage

from chassis.broker import Speaker, letter_of, queue_of
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR, WORKERS
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.events import (
    ProgressReported,
    StepFailed,
    StepFinished,
    TextWritten,
    WorkerAlive,
)
from journal_contracts.message import Message
from journal_contracts.product import PlanName
from journalcraft.servers.ports import ALONE, reserve

PATIENCE: Final = 60.0
WRITING: Final = f"{RunPhase.name}.writing"


def a_step(phase: str) -> RunPhase:
    """The first attempt of a step of a new journal."""
    return RunPhase(
        journal_id=new_id(),
        user_id=new_id(),
        phase=phase,
        agent="editor",
        brief=Brief(theme="mornings", plan=PlanName.EXPRESS),
    )


@dataclass
class Office:
    """Where commands are given and everything that workers say is heard."""

    speaker: Speaker
    channel: AbstractChannel
    answers: list[StepFinished | StepFailed] = field(default_factory=list)
    passing: list[ProgressReported | WorkerAlive | TextWritten] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, amqp: str) -> AsyncIterator[Self]:
        """A worker must have declared the exchanges before."""
        async with aiormq.Connection(amqp) as line:
            office = cls(Speaker(ORCHESTRATOR, amqp), await line.channel())
            queue = (await office.channel.queue_declare(exclusive=True)).queue or ""
            for kind in (StepFinished, StepFailed):
                await office.channel.queue_bind(queue, "events", kind.name)
            await office.channel.queue_bind(queue, "live", "#")
            await office.channel.basic_consume(queue, office._hear, no_ack=True)
            yield office
            await office.speaker.close()
            for kind in (StepFinished, StepFailed):
                await office.channel.queue_purge(queue_of(ORCHESTRATOR, kind.name).name)

    async def say(self, message: Message, subject: UUID, pool: str | None = None) -> None:
        """As the orchestrator does."""
        assert await self.speaker.say_all([letter_of(message, new_id(), str(subject), pool)])

    async def give(self, phase: str, step: RunPhase | None = None) -> RunPhase:
        """A new step, or this one, with the broker."""
        step = step or a_step(phase)
        await self.say(step, step.journal_id, "writing")
        return step

    async def answer(self) -> StepFinished | StepFailed:
        """The next answer."""
        await self._until(lambda: bool(self.answers))
        return self.answers.pop(0)

    def read(self) -> list[TextWritten]:
        """The text that was told."""
        return [word for word in self.passing if isinstance(word, TextWritten)]

    async def until_it_is_read(self) -> None:
        """Until some text was told."""
        await self._until(lambda: bool(self.read()))

    async def until_it_does(self, what: str) -> None:
        """Until a step is as far as that."""
        await self._until(
            lambda: any(isinstance(w, ProgressReported) and w.doing == what for w in self.passing)
        )

    async def until_there_is_no_room(self) -> None:
        """Until a worker says that it takes no more."""
        await self._until(
            lambda: any(
                isinstance(w, WorkerAlive) and not any(w.at_once.values()) for w in self.passing
            )
        )

    async def steps_left(self) -> int:
        """Commands that nobody has taken, or acked."""
        declared = await self.channel.queue_declare(queue_of(WORKERS, WRITING).name, passive=True)
        return declared.message_count or 0

    async def _until(self, so_far: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not so_far():
                self._news.clear()
                await self._news.wait()

    async def _hear(self, delivery: DeliveredMessage) -> None:
        match delivery.header.properties.message_type:
            case StepFinished.name:
                self.answers.append(StepFinished.model_validate_json(delivery.body))
            case StepFailed.name:
                self.answers.append(StepFailed.model_validate_json(delivery.body))
            case ProgressReported.name:
                self.passing.append(ProgressReported.model_validate_json(delivery.body))
            case TextWritten.name:
                self.passing.append(TextWritten.model_validate_json(delivery.body))
            case WorkerAlive.name:
                self.passing.append(WorkerAlive.model_validate_json(delivery.body))
        self._news.set()


@dataclass
class Worker:
    """A process of `staffing.py`."""

    staff: "Staff"
    pid: int
    ended: int | None = None

    def leave(self) -> None:
        """As whoever stops a service tells it."""
        os.kill(self.pid, signal.SIGTERM)

    async def end(self) -> int:
        """How it ended, when it has."""
        if self.ended is None:
            self.ended = await asyncio.to_thread(self.staff.ask, self.pid)
        return self.ended


@dataclass
class Staff:
    """The process that workers are forked from."""

    process: subprocess.Popen[str]
    folder: Path

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        program = [sys.executable, str(Path(__file__).with_name("staffing.py")), str(folder)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(program, cwd=folder, text=True, **pipes) as process:
            yield cls(process, folder)
            assert process.stdin is not None
            process.stdin.close()

    @contextlib.asynccontextmanager
    async def worker(self, **told: str) -> AsyncIterator[Worker]:
        """A worker with these settings, ready; killed at the end, if it did not end by itself."""
        port = reserve([ALONE])
        log = self.folder / f"{new_id().hex}.log"
        environment = {
            "LOG": str(log),
            "JCC_PORT": str(port.numbers[0]),
            "JCC_AUTH_URL": "http://127.0.0.1:9",
            "JCC_STATE": str(self.folder),
            "JCC_POOLS": '["writing"]',
            **told,
        }
        worker = Worker(self, await asyncio.to_thread(self.ask, environment))
        try:
            async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
                while not await _is_ready(client, port.numbers[0]):
                    await asyncio.sleep(0.05)
            yield worker
        except TimeoutError as error:
            raise AssertionError(log.read_text()[-3000:]) from error
        finally:
            port.release()
            if worker.ended is None:
                os.kill(worker.pid, signal.SIGKILL)
                await worker.end()

    def ask(self, order: object) -> int:
        """Tell the process a line, and hear its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False
