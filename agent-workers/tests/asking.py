"""`python asking.py`: for each order on a line, a worker's door in a process of its own.

It logs as the service does and prints its spans; then comes one line of JSON, which says how the
process ended and what each question came to. The processes are forked: importing takes long.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from pydantic import BaseModel, SecretStr

from agent_workers.models import table
from agent_workers.models.attempts import Asker, Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import Caller
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients, warm_up
from agent_workers.models.door import Door
from agent_workers.models.keys import OwnKeys
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.provider import ModelTrouble
from chassis import failpoints, telemetry
from chassis.broker import Speaker
from chassis.database import open_pool
from chassis.ids import new_id
from journal_contracts.catalogue import WORKERS
from journal_contracts.message import StepRef


@dataclass(frozen=True)
class Order:
    """What to ask: for each user and journal one question, all side by side."""

    database: str
    table: str
    asks: list[tuple[str, str, str]]
    """User, journal, part."""
    die_at: str = ""
    lease: float = 15.0
    amqp: str = ""
    """Where calls are announced, if anywhere."""
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the vault says: keys of users, by provider."""


class Haiku(BaseModel):
    """What is asked for."""

    lines: list[str]


async def main(order: Order) -> list[str]:
    """What each question came to: "answered", or the code of its trouble."""
    async with open_pool(order.database) as pool:
        ledger, attempts = Ledger(pool, new_id(), order.lease), Attempts(pool)
        models = table.read(Path(order.table))
        clients = OpenAIClients(models.providers)
        keys = OwnKeys(partial(_told, order.own))
        caller = Caller(ledger, attempts, Limits(pool), Breakers())
        door = Door(Chains(models, clients, keys), ledger, caller)
        if order.die_at:
            _arm(order.die_at)
        ends = await asyncio.gather(*(_ask(door, keys, ask) for ask in order.asks))
        if order.amqp:
            await _announce_all(attempts, Speaker(WORKERS, order.amqp))
        await clients.close()
        return ends


async def _told(own: dict[str, dict[str, str]], user: UUID, _: UUID) -> dict[str, SecretStr]:
    return {name: SecretStr(key) for name, key in own.get(str(user), {}).items()}


async def _ask(door: Door, keys: OwnKeys, ask: tuple[str, str, str]) -> str:
    user, journal, part = ask
    step = StepRef(journal_id=UUID(journal), user_id=UUID(user), phase="curation", part=part)
    question = [{"role": "user", "content": f"A haiku about {part}, please."}]
    with trace.get_tracer("asking").start_as_current_span("step"):
        try:
            async with keys.at_hand(step.user_id, step.journal_id):
                await door.answer(Asker(step, "editor"), "0", question, Haiku, lambda _: None)
        except ModelTrouble as trouble:
            structlog.get_logger().warning("step_failed", code=trouble.code, exc_info=trouble)
            trace.get_current_span().record_exception(trouble)
            return trouble.code
    return "answered"


async def _announce_all(attempts: Attempts, speaker: Speaker) -> None:
    while await attempts.announce(speaker):
        pass
    await speaker.close()


def _arm(point: str) -> None:
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write(f"{point}/curation")
        file.flush()
        failpoints.arm_by(Path(file.name))
        os.kill(os.getpid(), signal.SIGUSR1)


def _in_a_process(line: str) -> int:
    """Fork, and return how the child ended."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = asyncio.run(main(Order(**json.loads(line))))
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    telemetry.start(WORKERS)
    spans = trace.get_tracer_provider()
    assert isinstance(spans, TracerProvider)
    spans.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    warm_up()
    for line in sys.stdin:
        ended = _in_a_process(line)
        sys.stdout.write(f"{json.dumps({'ended': ended})}\n")
        sys.stdout.flush()
