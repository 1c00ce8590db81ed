"""How far a step is, told to whoever watches: at most twice a second, and never waited for."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Literal

from faststream.rabbit import RabbitBroker

from chassis.broker import BrokerAway, say
from chassis.broker.topology import bucket_of
from journal_contracts.commands import RunPhase
from journal_contracts.events import ProgressReported

Doing = Literal["started", "thinking", "writing", "checking", "repairing", "done"]
PAUSE: Final = 0.5
CHARACTERS_A_TOKEN: Final = 4

Say = Callable[[ProgressReported], None]
Alive = Callable[[], None]
"""Told of every sign of life of a step."""


class Progress:
    """Speaks for all steps of this process."""

    def __init__(self, broker: RabbitBroker) -> None:
        self._broker = broker
        self._telling: set[asyncio.Task[None]] = set()

    def of(self, step: RunPhase, alive: Alive) -> "StepProgress":
        """The voice of one step."""
        return StepProgress(self._say, step, alive)

    def _say(self, report: ProgressReported) -> None:
        task = asyncio.create_task(self._tell(report))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, report: ProgressReported) -> None:
        """With the broker away there is nobody to tell."""
        with contextlib.suppress(BrokerAway, RuntimeError, OSError):
            await say(
                self._broker,
                report,
                routing_key=f"u.{bucket_of(report.user_id)}",
                subject=str(report.journal_id),
            )


class StepProgress:
    """Counts what is written, and reports it now and then; of what comes too fast, the newest."""

    def __init__(self, say: Say, step: RunPhase, alive: Alive) -> None:
        self._say, self._step, self._alive = say, step, alive
        self._agent = step.agent
        self._doing: Doing = "started"
        self._characters = 0
        self._loop = asyncio.get_running_loop()
        self._said_at = -PAUSE
        self._waiting: asyncio.TimerHandle | None = None

    def on_text(self, text: str) -> None:
        """More was written."""
        self._characters += len(text)
        self.report("writing")

    def report(self, doing: Doing, agent: str | None = None) -> None:
        """This is done now, by this agent from now on; the last word of a step is always said."""
        self._alive()
        self._doing, self._agent = doing, agent or self._agent
        if self._waiting is None:
            wait = self._said_at + PAUSE - self._loop.time()
            self._waiting = self._loop.call_later(max(0.0, wait), self._speak)

    def _speak(self) -> None:
        self._waiting, self._said_at = None, self._loop.time()
        self._say(
            ProgressReported(
                journal_id=self._step.journal_id,
                user_id=self._step.user_id,
                phase=self._step.phase,
                part=self._step.part,
                attempt=self._step.attempt,
                agent=self._agent,
                doing=self._doing,
                tokens=self._characters // CHARACTERS_A_TOKEN,
            )
        )
