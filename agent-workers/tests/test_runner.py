"""Steps whose journal ends while they run, and goes on (R3.2d)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from agent_workers.runner import Made, Runner
from chassis.broker import Letter, Speaker
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.events import CraftCancelled, StepFinished, Usage
from journal_contracts.message import StepRef
from journal_contracts.product import PlanName

JOURNAL, USER = UUID(int=1), UUID(int=2)


class Listener(Speaker):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__("agent-workers", "amqp://nowhere")
        self.said: list[Letter] = []

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        self.said += letters
        return [True] * len(letters)


class Room:
    """A crew that works until it is let go."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.runner = Runner(self._work, self._usage_of, self.listener)
        self.began = asyncio.Event()
        self.let_go = asyncio.Event()

    async def _work(self, step: RunPhase) -> Made:
        self.began.set()
        await self.let_go.wait()
        return Made()

    async def _usage_of(self, step: StepRef) -> Usage:
        return Usage()

    async def finish(self, step: RunPhase, *heard: CraftCancelled) -> list[str]:
        """Hear these ends while a step is at work; what is said in the end."""
        running = asyncio.create_task(self.runner.run(step))
        await self.began.wait()
        for end in heard:
            await self.runner.drop(end)
        self.let_go.set()
        await running
        return [letter.name for letter in self.listener.said]


def a_step(since: int) -> RunPhase:
    return RunPhase(
        journal_id=JOURNAL,
        user_id=USER,
        phase="outline",
        brief=Brief(theme="anxiety", plan=PlanName.EXPRESS),
        since=since,
    )


def an_end(n: int) -> CraftCancelled:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return CraftCancelled(journal_id=JOURNAL, user_id=USER, n=n, at=at, percent=10)


async def test_a_cancelled_journals_step_stops_and_says_nothing() -> None:
    assert await Room().finish(a_step(since=3), an_end(7)) == []


async def test_an_end_that_is_heard_late_leaves_the_journal_that_goes_on_alone() -> None:
    """Told twice or late, it is older than what was given out after the retry."""
    assert await Room().finish(a_step(since=9), an_end(7)) == [StepFinished.name]


async def test_an_older_end_does_not_let_older_steps_in_again() -> None:
    room = Room()
    room.let_go.set()
    await room.runner.drop(an_end(7))
    await room.runner.drop(an_end(2))

    await room.runner.run(a_step(since=3))

    assert not room.began.is_set()
