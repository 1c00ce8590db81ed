"""How far a step is, and its text for who reads along: twice a second, never waited for."""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from agent_workers.models.provider import CHARACTERS_A_TOKEN
from agent_workers.safety import Aloud
from chassis.broker import Speaker, letter_of
from chassis.broker.topology import bucket_of
from chassis.ids import new_id
from journal_contracts.commands import RunPhase
from journal_contracts.events import LONGEST_TEXT, ProgressReported, TextWritten
from journal_contracts.message import StepRef

Doing = Literal["started", "thinking", "writing", "checking", "repairing", "done"]
ANEW: Final = {"thinking", "repairing"}
"""What is done before a model begins another answer."""
PAUSE: Final = 0.5

FENCE: Final = tuple(StepRef.model_fields)

Word = ProgressReported | TextWritten
Say = Callable[[Word], None]
Wanted = Callable[[StepRef], bool]
"""Whether anybody reads along."""
Alive = Callable[[], None]
"""Told of every sign of life of a step."""


class Progress:
    """Speaks for all steps of this process."""

    def __init__(self, speaker: Speaker, wanted: Wanted) -> None:
        self._speaker, self._wanted = speaker, wanted
        self._telling: set[asyncio.Task[None]] = set()

    def of(self, step: RunPhase, alive: Alive) -> "StepProgress":
        """The voice of one step."""
        return StepProgress(self._say, step, alive, self._wanted)

    def _say(self, word: Word) -> None:
        task = asyncio.create_task(self._tell(word))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, word: Word) -> None:
        """With the broker away there is nobody to tell."""
        key = f"u.{bucket_of(word.user_id)}"
        subject = str(word.journal_id)
        await self._speaker.say_all([letter_of(word, new_id(), subject, routing_key=key)])


class StepProgress:
    """Counts what is written, and reports it now and then; of what comes too fast, the newest."""

    def __init__(self, say: Say, step: RunPhase, alive: Alive, wanted: Wanted) -> None:
        self._say, self._step, self._alive, self._wanted = say, step, alive, wanted
        self._agent = step.agent
        self._doing: Doing = "started"
        self._characters = 0
        self._aloud = Aloud()
        self._loop = asyncio.get_running_loop()
        self._said_at = -PAUSE
        self._waiting: asyncio.TimerHandle | None = None

    def on_text(self, text: str) -> None:
        """More was written."""
        self._characters += len(text)
        self._aloud.take(text)
        self.report("writing")

    def report(self, doing: Doing, agent: str | None = None) -> None:
        """This is done now, by this agent from now on; the last word of a step is always said."""
        self._alive()
        self._doing, self._agent = doing, agent or self._agent
        if doing in ANEW:
            self._aloud = Aloud()
        if self._waiting is None:
            wait = self._said_at + PAUSE - self._loop.time()
            self._waiting = self._loop.call_later(max(0.0, wait), self._speak)

    def _speak(self) -> None:
        self._waiting, self._said_at = None, self._loop.time()
        told = {"agent": self._agent, **{name: getattr(self._step, name) for name in FENCE}}
        tokens = self._characters // CHARACTERS_A_TOKEN
        self._say(ProgressReported(**told, doing=self._doing, tokens=tokens))
        text = self._aloud.whole(is_read=self._wanted(self._step))[-LONGEST_TEXT:]
        if text:
            pos = self._characters - self._aloud.held - len(text)
            self._say(TextWritten(**told, pos=pos, text=text))
