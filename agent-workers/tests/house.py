"""A house of models for tests: doors of processes of their own, on one database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import aiormq
from pydantic import BaseModel, SecretStr

from agent_workers.models.attempts import Asker, Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import PATIENCE_SECONDS, Caller
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients
from agent_workers.models.door import Door
from agent_workers.models.keys import OwnKeys
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.table import DEFAULT, OwnKeysRow, ProviderRow, Table
from chassis.broker import Speaker, connect, open_broker
from chassis.database import Pool
from chassis.ids import new_id
from journal_contracts.catalogue import WORKERS
from journal_contracts.events import UsageRecorded
from journal_contracts.message import StepRef

KEY: Final = "sk-canary-0123456789"


class Haiku(BaseModel):
    """What is asked for."""

    lines: list[str]


STEP: Final = StepRef(
    journal_id=UUID(int=1), user_id=UUID(int=2), phase="curation", part="journal-frame"
)
ASKER: Final = Asker(STEP, "content_curator")
QUESTION: Final = [{"role": "user", "content": "A haiku, please."}]


@dataclass
class House:
    """Whoever asks for a door gets one of a process of its own."""

    pool: Pool
    clients: list[OpenAIClients] = field(default_factory=list)

    def door(
        self,
        table: Table,
        *,
        breakers: Breakers | None = None,
        patience: float = PATIENCE_SECONDS,
        pool: Pool | None = None,
        own: OwnKeys | None = None,
    ) -> Door:
        self.clients.append(OpenAIClients(table.providers))
        ledger = Ledger(self.pool, owner=new_id())
        limits, breakers = Limits(pool or self.pool), breakers or Breakers()
        caller = Caller(ledger, Attempts(self.pool), limits, breakers, patience)
        return Door(Chains(table, self.clients[-1], own), ledger, caller)

    async def attempts(self) -> list[dict[str, Any]]:
        """Every call that was written down, in order."""
        return [dict(row) for row in await self.pool.fetch("select * from attempt order by id")]

    async def claims(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch("select * from paid_call")]


def a_provider(url: str, key: str = KEY, **row: Any) -> ProviderRow:
    """OpenAI's language at an address; its models are priced as OpenAI's."""
    return ProviderRow(base_url=url, key=SecretStr(key), **{"priced_as": "openai", **row})


def a_table(
    providers: Mapping[str, ProviderRow],
    *chain: str,
    own_keys: OwnKeysRow | None = None,
    **chains: Sequence[str],
) -> Table:
    """The default chain, and others by name."""
    named = {DEFAULT: chain, **{name: tuple(entries) for name, entries in chains.items()}}
    return Table(providers=dict(providers), chains=named, own_keys=own_keys or OwnKeysRow())


async def asked(door: Door, round_: str = "0", asker: Asker = ASKER) -> Haiku:
    answer = await door.answer(asker, round_, QUESTION, Haiku, on_text=lambda _: None)
    return Haiku.model_validate_json(answer)


async def announced(pool: Pool, amqp_url: str) -> list[UsageRecorded]:
    """What somebody who listens hears of all calls, in the order of the calls."""
    speaker = Speaker(WORKERS, amqp_url)
    async with open_broker(connect(WORKERS, amqp_url)), aiormq.Connection(amqp_url) as line:
        channel = await line.channel()
        queue = (await channel.queue_declare(exclusive=True)).queue or ""
        await channel.queue_bind(queue, "events", UsageRecorded.name)
        while await Attempts(pool).announce(speaker):
            pass
        await speaker.close()
        heard = []
        while (message := await channel.basic_get(queue, no_ack=True)).body:
            heard.append(UsageRecorded.model_validate_json(message.body))
    return sorted(heard, key=lambda call: call.at)
