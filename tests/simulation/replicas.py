"""The processes: orchestrators and workers made of their own code, and a shelf that says yes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from faststream.rabbit import RabbitBroker
from pydantic import BaseModel, SecretStr

from agent_workers import handlers as workers
from agent_workers.models.attempts import Asker, Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import Caller
from agent_workers.models.chain import Chains
from agent_workers.models.door import Door
from agent_workers.models.keys import Key
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.pictures import Pictures
from agent_workers.models.provider import Messages, ModelTrouble, OnText, Provider, Reply
from agent_workers.models.table import table_of_one
from agent_workers.progress import Alive
from agent_workers.runner import Made, Runner, fence_of
from chassis.broker import letter_of
from chassis.database import Database
from chassis.ids import new_id
from journal_contracts.catalogue import MEDIA, ORCHESTRATOR, POOLS, WORKERS
from journal_contracts.commands import RegisterAssets, RunPhase, WithdrawAssets
from journal_contracts.events import (
    AssetsRegistered,
    AssetsWithdrawn,
    CraftCancelled,
    CraftDeleted,
    CraftStarted,
    StepFailed,
    StepFinished,
    WorkerAlive,
)
from journal_contracts.product import PlanName
from orchestrator_service.course import Course
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine.engine import Engine
from orchestrator_service.handlers import Handlers
from orchestrator_service.orders import Desk
from orchestrator_service.settings import Settings

from .books import Books, LedgerPool
from .broker import Broker, Exchanges, SimulatedSpeaker
from .fate import Fate
from .itinerary import facts
from .loop import RUNNING
from .rows import Rows
from .store import SimulatedStore

LEASE: Final = 5.0
MODEL: Final = "gpt-4o"
TOKENS: Final = 1000
TOLD: Final = Settings(
    port=1,
    amqp_url="amqp://nowhere",
    auth_url="http://nowhere",
    database_url=SecretStr("postgresql://nowhere"),
    service_key=SecretStr("unused"),
)


@dataclass(frozen=True)
class Office:
    """Where users' wishes arrive, at one replica."""

    desk: Desk
    decisions: Decisions
    course: Course
    engine: Engine


@dataclass
class Servers:
    """What outlives every process."""

    fate: Fate
    broker: Broker
    rows: Rows = field(default_factory=Rows)
    books: Books = field(default_factory=Books)
    files: dict[str, str] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def orchestrator(
    servers: Servers, user_limit: int, versions: tuple[int, ...]
) -> AsyncIterator[Office]:
    """A replica at work, as `app.py` puts it together."""
    store = SimulatedStore(servers.fate, servers.rows, versions)
    speaker = SimulatedSpeaker(ORCHESTRATOR, servers.broker)
    async with Engine.on(store, speaker, user_limit) as engine, engine.running():
        handlers = Handlers(engine.transitions, engine.release)
        servers.broker.hear(ORCHESTRATOR, StepFinished, handlers.move, prefetch=512)
        servers.broker.hear(ORCHESTRATOR, StepFailed, handlers.move)
        servers.broker.hear(ORCHESTRATOR, AssetsRegistered, handlers.move)
        servers.broker.hear(ORCHESTRATOR, AssetsWithdrawn, handlers.move)
        servers.broker.hear_as_replica(WorkerAlive, handlers.see)
        desk = Desk(cast(Database, None), engine, TOLD, unknown)
        yield Office(desk, Decisions(engine.transitions), Course(engine.transitions), engine)


class Answer(BaseModel):
    """What the model answers."""

    step: str


class Model:
    """A model that takes its time, fails, babbles, and counts what it is asked."""

    name = MODEL

    def __init__(self, servers: Servers, step: RunPhase) -> None:
        self._fate = servers.fate
        self._books = servers.books
        self._step = step.journal_id, step.phase, step.part

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        fate = self._fate
        self._books.begun[self._step] += 1
        try:
            await asyncio.sleep(fate.moment(15.0 if fate.strikes("models_are_slow") else 0.4))
            if fate.strikes("models_fail"):
                kind: Any = fate.random.choice(("rate_limit", "timeout", "infrastructure"))
                raise ModelTrouble(kind, "model_trouble", "It did not answer.", fate.moment(2.0))
        except BaseException:
            self._books.cut[self._step] += 1
            raise
        text = Answer(step=messages[0]["content"]).model_dump_json()
        return Reply("well," if fate.strikes("models_babble") else text, TOKENS, TOKENS)


@dataclass(frozen=True)
class Models:
    """The way to it, for one step; it takes any key, and paints nothing."""

    servers: Servers
    step: RunPhase

    def writer(self, provider: str, model: str, key: Key) -> Provider:
        return Model(self.servers, self.step)

    def painter(self, provider: str, model: str, key: Key) -> Pictures:
        raise NotImplementedError


async def unknown(plan: PlanName) -> Mapping[str, float]:
    """Nobody adds up how long phases took."""
    return {}


@contextlib.asynccontextmanager
async def worker(servers: Servers) -> AsyncIterator[None]:
    """A worker whose crew is a model that knows its answer, behind the real ledger and door."""
    fate, broker, me = servers.fate, servers.broker, new_id()
    servers.books.owners[me] = RUNNING.get()
    pool: Any = LedgerPool(fate, servers.books)
    ledger, attempts = Ledger(pool, me, LEASE), Attempts(pool)
    caller = Caller(ledger, attempts, Limits(pool), Breakers(fate.loop.time))

    async def do(step: RunPhase, alive: Alive) -> Made:
        if fate.strikes("steps_fail"):
            raise LookupError("a mistake in an agent")
        about = f"{step.artifact_key} {step.round} {sorted(step.inputs.items())}"
        about = about.replace(f".{step.attempt}.json", "", 1)
        chains = Chains(table_of_one(MODEL, None, "here"), Models(servers, step))
        door = Door(chains, ledger, caller)
        asker = Asker(fence_of(step), "nobody", step.since)
        question = [{"role": "user", "content": about}]
        text = await door.answer(asker, str(step.round), question, Answer, lambda _: alive())
        servers.files[step.artifact_key] = text
        return Made(step.artifact_key, facts(about, step))

    runner = Runner(do, attempts.usage_of, SimulatedSpeaker(WORKERS, broker))
    broker.hear(WORKERS, CraftCancelled, ledger.end)
    broker.hear(WORKERS, CraftDeleted, ledger.end)
    broker.hear_as_replica(CraftCancelled, runner.drop)
    broker.hear_as_replica(CraftDeleted, runner.drop)
    for pool in POOLS:
        broker.hear(WORKERS, RunPhase, runner.run, pool=pool, prefetch=workers.AT_ONCE[pool])
    exchanges = cast(RabbitBroker, Exchanges(broker))
    async with workers.telling_room(exchanges, me, workers.AT_ONCE):
        yield


@contextlib.asynccontextmanager
async def shelf(servers: Servers) -> AsyncIterator[None]:
    """The media service, as far as a journal asks it."""
    speaker = SimulatedSpeaker(MEDIA, servers.broker)

    async def answer(command: RegisterAssets | WithdrawAssets) -> None:
        step = fence_of(command).model_dump()
        said = (
            AssetsWithdrawn(**step)
            if isinstance(command, WithdrawAssets)
            else AssetsRegistered(**step, assets=("journal.pdf",))
        )
        if not all(await speaker.say_all([letter_of(said, new_id(), str(said.journal_id))])):
            raise ConnectionError("the broker did not take the answer")

    async def note(told: CraftStarted | CraftDeleted) -> None:
        """Nobody gives documents here, and what was put there is in no one's way."""

    servers.broker.hear(MEDIA, CraftStarted, note)
    servers.broker.hear(MEDIA, CraftDeleted, note)
    servers.broker.hear(MEDIA, RegisterAssets, answer)
    servers.broker.hear(MEDIA, WithdrawAssets, answer)
    yield
