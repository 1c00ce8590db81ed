"""Steps whose journal ends while they run, and goes on (R3.2d); steps that fall silent (R1.1d)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from agent_workers.progress import Alive
from agent_workers.runner import Made, Runner
from chassis.broker import Letter, Speaker
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.events import CraftCancelled, StepFailed, StepFinished, Usage
from journal_contracts.message import StepRef
from journal_contracts.product import PlanName

from .clock import Clock

JOURNAL, USER = UUID(int=1), UUID(int=2)
SILENCE = 100.0


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
        self.runner = Runner(self._work, self._usage_of, self.listener, SILENCE)
        self.began = asyncio.Event()
        self.alive: Alive = lambda: None
        self.let_go = asyncio.Event()

    async def _work(self, step: RunPhase, alive: Alive) -> Made:
        self.alive = alive
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


async def test_a_step_of_which_nothing_is_heard_is_cancelled_and_has_failed(clock: Clock) -> None:
    room = Room()
    running = asyncio.create_task(room.runner.run(a_step(since=3)))
    await room.began.wait()

    await clock.forward(SILENCE + 1)
    await running
    room.alive()

    [letter] = room.listener.said
    answer = StepFailed.model_validate_json(letter.body)
    assert (answer.kind, answer.code) == ("timeout", "step_hung")


async def test_every_sign_of_life_gives_a_step_more_time(clock: Clock) -> None:
    room = Room()
    running = asyncio.create_task(room.runner.run(a_step(since=3)))
    await room.began.wait()

    for _ in range(3):
        await clock.forward(SILENCE - 1)
        room.alive()
    room.let_go.set()
    await running

    assert [letter.name for letter in room.listener.said] == [StepFinished.name]


async def test_a_step_that_fails_by_a_timeout_of_its_own_has_not_hung(clock: Clock) -> None:
    async def late(step: RunPhase, alive: Alive) -> Made:
        raise TimeoutError

    room = Room()
    await Runner(late, room._usage_of, room.listener, SILENCE).run(a_step(since=3))

    [letter] = room.listener.said
    assert StepFailed.model_validate_json(letter.body).code == "store_away"
