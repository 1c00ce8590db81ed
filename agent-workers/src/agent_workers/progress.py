"""How far a step is, told to whoever watches: at most twice a second, and never waited for."""

import asyncio
import contextlib
import time
from typing import Final, Literal

from faststream.rabbit import RabbitBroker

from chassis.broker import BrokerAway, say
from chassis.broker.topology import bucket_of
from journal_contracts.events import ProgressReported
from journal_contracts.message import StepRef

Doing = Literal["started", "thinking", "writing", "checking", "repairing", "done"]
PAUSE: Final = 0.5
CHARACTERS_A_TOKEN: Final = 4


class Progress:
    """Speaks for all steps of this process."""

    def __init__(self, broker: RabbitBroker) -> None:
        self._broker = broker

    def of(self, step: StepRef, agent: str) -> "StepProgress":
        """The voice of one step."""
        return StepProgress(self._broker, step, agent)


class StepProgress:
    """Counts what is written, and reports it now and then."""

    def __init__(self, broker: RabbitBroker, step: StepRef, agent: str) -> None:
        self._broker, self._step, self._agent = broker, step, agent
        self._characters = 0
        self._reported_at = 0.0
        self._telling: set[asyncio.Task[None]] = set()

    def on_text(self, text: str) -> None:
        """More was written."""
        self._characters += len(text)
        if time.monotonic() - self._reported_at >= PAUSE:
            self._reported_at = time.monotonic()
            task = asyncio.create_task(self.report("writing"))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def report(self, doing: Doing) -> None:
        """Say it; with the broker away there is nobody to tell."""
        report = ProgressReported(
            journal_id=self._step.journal_id,
            user_id=self._step.user_id,
            phase=self._step.phase,
            part=self._step.part,
            attempt=self._step.attempt,
            agent=self._agent,
            doing=doing,
            tokens=self._characters // CHARACTERS_A_TOKEN,
        )
        with contextlib.suppress(BrokerAway, RuntimeError, OSError):
            await say(
                self._broker,
                report,
                routing_key=f"u.{bucket_of(self._step.user_id)}",
                subject=str(self._step.journal_id),
            )
