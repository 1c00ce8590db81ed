"""Runs steps: the work done, the answer said; what goes wrong is named.

A step outlives the delivery that began it: a lost broker connection cancels the delivery, not the
work, and the redelivered command joins what is under way. The command is acked when the broker has
the answer, so it is the step's durable record until then; done again, its paid calls are kept ones.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import structlog

from agent_workers.desk import InvalidOutput, MissingInput
from agent_workers.models.ledger import JournalEnded
from agent_workers.models.provider import ModelTrouble
from agent_workers.progress import Alive
from agent_workers.safety import ThemeRefused, UnsafeText
from chassis.blobs import BlobMissing
from chassis.broker import Speaker, letter_of
from chassis.ids import new_id
from journal_contracts.commands import RunPhase
from journal_contracts.events import (
    CraftCancelled,
    CraftDeleted,
    StepFailed,
    StepFinished,
    Trouble,
    Usage,
)
from journal_contracts.message import StepRef

log = structlog.get_logger()

REMEMBERED: Final = 1_000
SILENCE_SECONDS: Final = 300.0
"""Longer than all models of a chain together may say nothing."""
PAUSE: Final = 0.5
"""Seconds until an answer is said again that the broker did not take."""


@dataclass(frozen=True)
class Made:
    """What a step made: the key of the artifact, and the facts for the saga."""

    artifact: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    storing: Awaitable[object] | None = None
    """What is still to be waited for before the step is done."""


Do = Callable[[RunPhase, Alive], Awaitable[Made]]
UsageOf = Callable[[StepRef], Awaitable[Usage]]
"""What the calls of this attempt cost, the same however often it is asked."""


class StepHung(Exception):
    """Nothing was heard of a step for so long that it is not waited for any more."""


class Runner:
    """Runs each step once at a time, however often it is delivered.

    A step of which nothing is heard for `silence` seconds is cancelled, and has failed.
    """

    def __init__(
        self, do: Do, usage_of: UsageOf, speaker: Speaker, silence: float = SILENCE_SECONDS
    ) -> None:
        self._do = do
        self._usage_of = usage_of
        self._speaker = speaker
        self._silence = silence
        self._running: dict[StepRef, tuple[int, asyncio.Task[None]]] = {}
        """What runs, with the journal's `n` when it was given out."""
        self._dropped: dict[UUID, int] = {}
        """Journals that ended, with the `n` of their end."""
        self._stopped = False

    async def run(self, step: RunPhase) -> None:
        """Run a step, or join the run of it that is under way."""
        if step.since < self._dropped.get(step.journal_id, 0):
            return
        fence = fence_of(step)
        _, task = self._running.get(fence, (0, None))
        if task is None:
            task = asyncio.create_task(self._work(step), name=f"{step.phase}/{step.part}")
            self._running[fence] = step.since, task
            task.add_done_callback(lambda _: self._running.pop(fence, None))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._stopped or not task.cancelled():
                raise

    async def drop(self, end: CraftCancelled | CraftDeleted) -> None:
        """A journal was over: stop what was given out before that, also what still comes.

        The end may be heard late, or again, when the journal goes on already.
        """
        self._dropped[end.journal_id] = max(end.n, self._dropped.get(end.journal_id, 0))
        while len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        for fence, (since, task) in list(self._running.items()):
            if fence.journal_id == end.journal_id and since < end.n:
                task.cancel()

    async def stop(self) -> None:
        """Cancel what runs; nobody acks its commands, so another worker gets them."""
        self._stopped = True
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, step: RunPhase) -> None:
        began = time.monotonic()
        fence = fence_of(step)
        answer: StepFinished | StepFailed
        try:
            made = await self._do_while_it_lives(step)
            usage, _ = await asyncio.gather(self._usage_of(fence), made.storing or _nothing())
            answer = StepFinished(
                **fence.model_dump(),
                artifact=made.artifact,
                facts=dict(made.facts),
                usage=usage,
                seconds=time.monotonic() - began,
            )
        except JournalEnded:
            return
        except Exception as error:
            kind, code, detail, after = named(error)
            log.warning("step_failed", phase=step.phase, part=step.part, code=code, exc_info=error)
            answer = StepFailed(
                **fence.model_dump(),
                kind=kind,
                code=code,
                detail=detail,
                usage=await self._usage_of(fence),
                retry_after=after,
                needs=error.needs if isinstance(error, ModelTrouble) else None,
            )
        letter = letter_of(answer, new_id(), str(step.journal_id))
        while True:
            if all(await self._speaker.say_all([letter])):
                return
            await asyncio.sleep(PAUSE)

    async def _do_while_it_lives(self, step: RunPhase) -> Made:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._silence) as patience:

                def alive() -> None:
                    with contextlib.suppress(RuntimeError):  # a late sign, when it is over
                        patience.reschedule(loop.time() + self._silence)

                return await self._do(step, alive)
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise StepHung(f"Nothing was heard of it for {self._silence:g} s.") from error


async def _nothing() -> None:
    """Where there is nothing to wait for."""


def named(error: Exception) -> tuple[Trouble, str, str, float | None]:
    """What an error means for the step: kind, code, a sentence for people, seconds to wait."""
    match error:
        case ModelTrouble():
            return error.kind, error.code, error.detail, error.retry_after
        case StepHung():
            return "timeout", "step_hung", str(error), None
        case ThemeRefused():
            return "fatal", "theme_refused", str(error), None
        case UnsafeText():
            return "invalid_output", "unsafe_text", str(error), None
        case MissingInput() | BlobMissing():
            return "fatal", "missing_input", str(error)[:300], None
        case InvalidOutput():
            return "invalid_output", "invalid_output", str(error)[:300], None
        case httpx.HTTPError() | asyncpg.PostgresError() | asyncpg.InterfaceError() | OSError():
            return "infrastructure", "store_away", "A store did not answer.", None
        case _:
            return "fatal", "agent_error", f"The agent failed: {type(error).__name__}.", None


def fence_of(step: StepRef) -> StepRef:
    """The step alone."""
    return StepRef(
        journal_id=step.journal_id,
        user_id=step.user_id,
        phase=step.phase,
        part=step.part,
        attempt=step.attempt,
    )
