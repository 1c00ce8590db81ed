"""`python -m tests.performance.ours TASK`: the orchestrator's engine with the driver inside it.

The peers run in the process that calls them, so ours is called there too, past its HTTP door: the
driver's CPU is in everybody's figures alike. Engine, handlers and hearing are the service's own;
the steps are done by a worker process beyond RabbitMQ, and its CPU counts as well.
"""

import asyncio
import contextlib
import gc
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final
from uuid import UUID

import uvloop

from chassis import telemetry
from chassis.broker import Speaker, connect, hear, open_broker
from chassis.database import Database, open_pool
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import StepFinished
from journal_contracts.product import PlanName
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.postgres import PostgresStore
from orchestrator_service.handlers import Handlers
from orchestrator_service.happenings import Answered, Reply
from orchestrator_service.plan import DEFINITIONS
from orchestrator_service.state import Request

from . import nine, plain, timing
from .timing import Run, Task

ASKED, DONE = "asked", "done"
TURNS: Final = {"four": ASKED, "onboarding": ASKED, "nine": DONE, "delivery": DONE}
"""The phases whose end the driver waits for."""
GRAPH: Final = replace(nine.ORDER, theme="patience", plan=PlanName.STANDARD, unattended=True)
ROOM: Final = 64
"""The window that shows that the worker was heard of."""


class Watched(Handlers):
    """The service's handlers; who drives them learns how far journals have come."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.transitions, engine.release)
        self.come: defaultdict[tuple[UUID, str], asyncio.Event] = defaultdict(asyncio.Event)

    async def move(self, reply: Reply) -> None:
        await super().move(reply)
        if turn := TURNS.get(reply.phase):
            self.come[reply.journal_id, turn].set()


class Ours:
    """Journals by the engine; each of a user of its own."""

    def __init__(self, engine: Engine, handlers: Watched, order: Request) -> None:
        self._transitions = engine.transitions
        self._handlers = handlers
        self._order = order

    async def until_asked(self, journal: str) -> None:
        await self._transitions.begin(UUID(journal), new_id(), self._order)
        if not self._order.unattended:
            await self._handlers.come[UUID(journal), ASKED].wait()

    async def until_done(self, journal: str) -> None:
        if not self._order.unattended:
            answer = Answered(nine.QUESTION, nine.GO)
            await self._transitions.decide(UUID(journal), lambda saga: answer, "user")
        await self._handlers.come[UUID(journal), DONE].wait()


@contextlib.asynccontextmanager
async def an_orchestrator(
    task: Task, speaker: Speaker | None = None
) -> AsyncIterator[tuple[Engine, Watched]]:
    """The service without its HTTP side."""
    speaker = speaker or Speaker(ORCHESTRATOR, task.amqp)
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(task.database))
        await database.migrate("orchestrator_service")
        pool = await stack.enter_async_context(open_pool(task.database))
        stack.push_async_callback(speaker.close)
        store = PostgresStore(pool, tuple(DEFINITIONS))
        engine = await stack.enter_async_context(Engine.on(store, speaker, user_limit=24))
        broker = connect(ORCHESTRATOR, task.amqp)
        handlers = Watched(engine)
        handlers.listen(broker)
        if task.manner == "plain":
            hear(broker, ORCHESTRATOR, StepFinished, handlers.move, prefetch=512)
        await stack.enter_async_context(open_broker(broker))
        await stack.enter_async_context(engine.running())
        if task.manner != "plain":
            await stack.enter_async_context(handlers.listening_hot(broker, task.amqp))
        yield engine, handlers


async def main(task: Task) -> None:
    """Run the load once a worker is there."""
    speaker = None
    if task.manner != "graph":
        nine.install()
    if task.manner == "plain":
        plain.install()
        speaker = plain.PlainSpeaker(ORCHESTRATOR, task.amqp)
    run = Run(task.journals)
    async with an_orchestrator(task, speaker) as (engine, handlers):
        while engine.release.window("writing") < ROOM:
            await asyncio.sleep(0.05)
        order = GRAPH if task.manner == "graph" else nine.ORDER
        await timing.run(task, Ours(engine, handlers, order), run)
    run.tell()


if __name__ == "__main__":
    gc.freeze()  # as the service does
    telemetry.start(ORCHESTRATOR)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the service has it
        runner.run(main(Task.given()))
