"""Runs steps: an agent at its desk, the result stored, the answer said; what goes wrong is named.

A step outlives the delivery that began it: a lost broker connection cancels the delivery, not the
work, and the redelivered command joins what is under way.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from agent_workers import crewing
from agent_workers.bind import Press
from agent_workers.desk import Agent, Crew, Desk, InvalidOutput, MissingInput, Result
from agent_workers.models.door import Door
from agent_workers.models.ledger import Asker, report_usage
from agent_workers.models.provider import Messages, ModelTrouble
from agent_workers.progress import Progress
from chassis.blobs import BlobMissing, Blobs
from chassis.database import Database
from chassis.outbox import Outbox
from journal_contracts.commands import RunPhase
from journal_contracts.events import CraftCancelled, CraftDeleted, StepFailed, StepFinished, Trouble
from journal_contracts.message import StepRef

log = structlog.get_logger()

REMEMBERED = 1_000


@dataclass(frozen=True)
class Workshop:
    """What every step works with."""

    crews: Mapping[str, Crew]
    blobs: Blobs
    press: Press
    door: Door
    database: Database
    outbox: Outbox
    progress: Progress


class Runner:
    """Runs each step once at a time, however often it is delivered."""

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop
        self._running: dict[StepRef, asyncio.Task[None]] = {}
        self._dropped: dict[UUID, None] = {}

    async def run(self, step: RunPhase) -> None:
        """Run a step, or join the run of it that is under way."""
        if step.journal_id in self._dropped:
            return
        fence = _fence(step)
        task = self._running.get(fence)
        if task is None:
            task = asyncio.create_task(self._work(step), name=f"{step.phase}/{step.part}")
            self._running[fence] = task
            task.add_done_callback(lambda _: self._running.pop(fence, None))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    async def drop(self, end: CraftCancelled | CraftDeleted) -> None:
        """A journal is over: stop what runs for it, and start nothing that still comes."""
        self._dropped[end.journal_id] = None
        while len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        for fence, task in list(self._running.items()):
            if fence.journal_id == end.journal_id:
                task.cancel()

    async def stop(self) -> None:
        """Cancel what runs; its commands are delivered again to another worker."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, step: RunPhase) -> None:
        began = time.monotonic()
        try:
            result = await self._shop.crews[step.phase](self._desk(step))
            document = result.artifact.model_dump_json().encode()
            await self._shop.blobs.put(step.artifact_key, document, "application/json")
        except Exception as error:
            await self._say_failed(step, error)
            return
        await self._say_finished(step, result, time.monotonic() - began)

    def _desk(self, step: RunPhase) -> Desk:
        async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
            asker = Asker(_fence(step), agent.name)
            progress = self._shop.progress.of(step, agent.name)
            await progress.report("thinking")

            async def answer(messages: Messages, wanted: type[BaseModel]) -> str:
                question = f"{step.round}{about}"
                return await self._shop.door.answer(
                    asker, question, messages, wanted, progress.on_text
                )

            made = await crewing.perform(agent, task, output, answer)
            await progress.report("checking")
            return made

        return Desk(step, self._shop.blobs, self._shop.press, ask, self._shop.door.model)

    async def _say_finished(self, step: RunPhase, result: Result, seconds: float) -> None:
        async with self._shop.database.transaction() as session:
            answer = StepFinished(
                **_fence(step).model_dump(),
                artifact=step.artifact_key,
                facts=dict(result.facts),
                usage=await report_usage(session, step),
                seconds=seconds,
            )
            self._shop.outbox.put(session, answer, subject=str(step.journal_id))
        self._shop.outbox.wake()

    async def _say_failed(self, step: RunPhase, error: Exception) -> None:
        kind, code, detail, after = named(error)
        log.warning("step_failed", phase=step.phase, part=step.part, code=code, exc_info=error)
        async with self._shop.database.transaction() as session:
            answer = StepFailed(
                **_fence(step).model_dump(),
                kind=kind,
                code=code,
                detail=detail,
                usage=await report_usage(session, step),
                retry_after=after,
            )
            self._shop.outbox.put(session, answer, subject=str(step.journal_id))
        self._shop.outbox.wake()


def named(error: Exception) -> tuple[Trouble, str, str, float | None]:
    """What an error means for the step: kind, code, a sentence for people, seconds to wait."""
    match error:
        case ModelTrouble():
            return error.kind, error.code, error.detail, error.retry_after
        case MissingInput() | BlobMissing():
            return "fatal", "missing_input", str(error)[:300], None
        case InvalidOutput():
            return "invalid_output", "invalid_output", str(error)[:300], None
        case httpx.HTTPError() | SQLAlchemyError() | OSError():
            return "infrastructure", "store_away", "A store did not answer.", None
        case _:
            return "fatal", "agent_error", f"The agent failed: {type(error).__name__}.", None


def _fence(step: StepRef) -> StepRef:
    return StepRef(
        journal_id=step.journal_id,
        user_id=step.user_id,
        phase=step.phase,
        part=step.part,
        attempt=step.attempt,
    )
