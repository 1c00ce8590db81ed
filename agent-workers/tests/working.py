"""`python working.py ORDER`: a worker's desk in a process of its own, on one model at an address.

It does the steps of its order one after the other and prints, as JSON, what CrewAI was given to do.
CrewAI is imported as in the service: after its surroundings are prepared. Binding is its question
to the model alone, and no press.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from agent_workers.crews import pdf_builder
from agent_workers.crews.media import art_direction
from agent_workers.desk import Desk, Result
from agent_workers.environment import prepare
from agent_workers.models.attempts import Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import Caller
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients
from agent_workers.models.door import Door
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.table import DEFAULT, ProviderRow, Table
from agent_workers.progress import Progress
from chassis.blobs import FolderBlobs
from chassis.broker import Speaker, connect, open_broker
from chassis.database import open_pool
from chassis.ids import new_id
from journal_contracts.artifacts import Layout
from journal_contracts.catalogue import WORKERS
from journal_contracts.commands import RunPhase

NO_PRESS: Any = None
LONGEST = 1_500
"""Tokens of a reply."""


@dataclass(frozen=True)
class Order:
    """What to do, and where everything is."""

    database: str
    amqp: str
    model: str
    address: str
    folder: str
    """For what the steps make, and for what CrewAI writes."""
    steps: list[dict[str, Any]]


async def main(order: Order) -> list[str]:
    """Do the steps; the tasks that CrewAI was given for them."""
    crewing = import_module("agent_workers.crewing")
    workshop = import_module("agent_workers.workshop")
    tasks = _noted(crewing)
    crews = {"art_direction": art_direction, "binding": _layout}
    row = ProviderRow(base_url=order.address, max_output=LONGEST, priced_as=None)
    table = Table(providers={"local": row}, chains={DEFAULT: (f"local/{order.model}",)})
    clients = OpenAIClients(table.providers)
    async with open_pool(order.database) as pool:
        ledger = Ledger(pool, new_id())
        caller = Caller(ledger, Attempts(pool), Limits(pool), Breakers())
        door = Door(Chains(table, clients), ledger, caller)
        broker, speaker = connect(WORKERS, order.amqp), Speaker(WORKERS, order.amqp)
        blobs = FolderBlobs(Path(order.folder))
        async with open_broker(broker):
            with crewing.quiet():
                shop = workshop.Workshop(
                    crews, blobs, NO_PRESS, door, Progress(speaker, lambda _: False)
                )
                for step in order.steps:
                    made = await shop.do(RunPhase.model_validate(step), lambda: None)
                    assert made.storing is not None
                    await made.storing
        await speaker.close()
    await clients.close()
    return tasks


async def _layout(desk: Desk) -> Result:
    brief = await desk.brief()
    return Result(await desk.ask(pdf_builder.AGENT, Layout, pdf_builder.TASK, brief))


def _noted(crewing: Any) -> list[str]:
    """The tasks given from now on."""
    tasks: list[str] = []
    perform = crewing.perform

    async def noted(agent: Any, task: str, *rest: Any) -> Any:
        tasks.append(task)
        return await perform(agent, task, *rest)

    crewing.perform = noted
    return tasks


if __name__ == "__main__":
    order = Order(**json.loads(sys.argv[1]))
    prepare(Path(order.folder) / "crewai")
    sys.stdout.write(json.dumps(asyncio.run(main(order))))
