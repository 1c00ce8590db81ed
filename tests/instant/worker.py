"""`python -m tests.instant.worker`: the workers' own code around a crew that needs no time.

Runner, ledger, door, hearing and speaking are the real ones; only the crew (and so CrewAI) is not
there. Every call to its model is written to a file, to be counted against the ledger. It registers
files as the media service would.
"""

import asyncio
import contextlib
import gc
import os
import signal
from pathlib import Path

import uvloop
from pydantic import BaseModel
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent_workers import handlers
from agent_workers.models.attempts import Asker, Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import Caller
from agent_workers.models.chain import Chains
from agent_workers.models.door import Door
from agent_workers.models.keys import Key
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.pictures import Pictures
from agent_workers.models.provider import Messages, OnText, Provider, Reply
from agent_workers.models.table import table_of_one
from agent_workers.progress import Alive
from agent_workers.readers import Readers
from agent_workers.runner import Made, Runner, fence_of
from chassis import telemetry
from chassis.blobs import FolderBlobs
from chassis.broker import Speaker, connect, hear, letter_of, open_broker
from chassis.database import Database, open_pool
from chassis.ids import new_id
from chassis.jobs import running
from journal_contracts.catalogue import MEDIA, WORKERS
from journal_contracts.commands import RegisterAssets, RunPhase
from journal_contracts.events import AssetsRegistered

from .chaos import ChaoticSpeaker
from .facts import facts_of


class Settings(BaseSettings):
    """Where everything is."""

    model_config = SettingsConfigDict(env_prefix="JCC_")

    amqp_url: str
    database_url: str
    blobs: Path
    calls: Path
    """A line for each call to the model."""
    chaos: Path
    ready: Path
    """Made when the worker can take steps."""


class Answer(BaseModel):
    """What the model answers."""

    step: str


class InstantModel:
    """A model that knows its answer; each call leaves a line, as each real one leaves a bill."""

    name = "instant"

    def __init__(self, calls: Path) -> None:
        self._calls = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        step = messages[0]["content"]
        os.write(self._calls, f"{step}\n".encode())
        return Reply(Answer(step=step).model_dump_json(), 10, 10)


class InstantModels:
    """The way to it; it takes any key, and paints nothing."""

    def __init__(self, calls: Path) -> None:
        self._model = InstantModel(calls)

    def writer(self, provider: str, model: str, key: Key) -> Provider:
        return self._model

    def painter(self, provider: str, model: str, key: Key) -> Pictures:
        raise NotImplementedError


async def main(settings: Settings) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(settings.database_url))
        await database.migrate("agent_workers")
        broker, worker = connect(WORKERS, settings.amqp_url), new_id()
        pool = await stack.enter_async_context(open_pool(settings.database_url))
        ledger, attempts = Ledger(pool, worker), Attempts(pool)
        chains = Chains(table_of_one("instant", None, "here"), InstantModels(settings.calls))
        door = Door(chains, ledger, Caller(ledger, attempts, Limits(pool), Breakers()))
        blobs = FolderBlobs(settings.blobs)
        speaker = ChaoticSpeaker(WORKERS, settings.amqp_url, settings.chaos)
        stack.push_async_callback(speaker.close)

        async def do(step: RunPhase, alive: Alive) -> Made:
            name = f"{step.journal_id}/{step.phase}/{step.part}/{step.round}"
            question = [{"role": "user", "content": name}]
            asker = Asker(fence_of(step), "instant", step.since)
            text = await door.answer(asker, str(step.round), question, Answer, lambda _: alive())
            await blobs.put(step.artifact_key, text.encode(), "application/json")
            return Made(step.artifact_key, facts_of(step))

        async def register(command: RegisterAssets) -> None:
            answer = AssetsRegistered(**fence_of(command).model_dump(), assets=("journal.pdf",))
            letter = letter_of(answer, new_id(), str(command.journal_id))
            if not all(await media.say_all([letter])):
                raise ConnectionError("the broker did not take the answer")

        media = Speaker(MEDIA, settings.amqp_url)
        stack.push_async_callback(media.close)
        hear(broker, MEDIA, RegisterAssets, register)
        runner = Runner(do, attempts.usage_of, speaker)
        handlers.listen(broker, runner, ledger, Readers())
        await stack.enter_async_context(
            running("announcing", lambda: attempts.keep_announcing(media))
        )
        await stack.enter_async_context(open_broker(broker))
        await stack.enter_async_context(
            handlers.taking_steps(
                broker, settings.amqp_url, runner, handlers.AT_ONCE, handlers.GRACE_SECONDS
            )
        )
        await stack.enter_async_context(handlers.telling_room(broker, worker, handlers.AT_ONCE))
        settings.ready.touch()
        await stop.wait()


if __name__ == "__main__":
    gc.freeze()  # as the service does
    telemetry.start(WORKERS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Settings()))
