"""The composition root of the workers."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI

from agent_workers import crewing, exporting, handlers, memory
from agent_workers.bind import Press
from agent_workers.crews import CREWS
from agent_workers.models import table
from agent_workers.models.attempts import Attempts
from agent_workers.models.breaker import Breakers
from agent_workers.models.caller import Caller
from agent_workers.models.chain import Chains
from agent_workers.models.clients import OpenAIClients
from agent_workers.models.door import Door
from agent_workers.models.keys import OwnKeys
from agent_workers.models.ledger import Ledger
from agent_workers.models.limits import Limits
from agent_workers.models.vault import Vault
from agent_workers.progress import Progress
from agent_workers.readers import Readers
from agent_workers.runner import Runner
from agent_workers.settings import Settings
from agent_workers.workshop import Workshop
from chassis.blobs import open_blobs
from chassis.broker import Speaker, connect, open_broker, ping
from chassis.calls import ServiceCalls
from chassis.database import Database, open_pool
from chassis.health import Probe
from chassis.identity import Verifier
from chassis.ids import new_id
from chassis.jobs import running
from chassis.web import application, leave
from journal_contracts.catalogue import WORKERS

SPARE_THREADS = 32
"""CrewAI keeps a thread for each step while its model writes; these are for everything else."""


def build(settings: Settings) -> FastAPI:
    """Wire the service, top to bottom; nothing connects before the application starts."""
    probes: dict[str, Probe] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        room = room_of(settings)
        threads = ThreadPoolExecutor(SPARE_THREADS + sum(room.values()))
        asyncio.get_running_loop().set_default_executor(threads)
        async with AsyncExitStack() as stack:
            stack.enter_context(crewing.quiet())
            database = await stack.enter_async_context(
                Database.open(settings.database_url.get_secret_value())
            )
            await database.migrate("agent_workers")
            app.state.database = database
            inside = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
            app.state.verifier = Verifier(inside, settings.auth_url)
            pool = await stack.enter_async_context(
                open_pool(settings.database_url.get_secret_value())
            )
            blobs = await stack.enter_async_context(
                open_blobs(settings.blobs_url.get_secret_value())
            )
            broker, worker = connect(WORKERS, settings.amqp_url), new_id()
            models = table_of(settings)
            clients = OpenAIClients(models.providers)
            stack.push_async_callback(clients.close)
            keys = await _own_keys(settings, models, stack)
            chains = Chains(models, clients, keys)
            ledger, attempts = Ledger(pool, worker, settings.lease_seconds), Attempts(pool)
            caller = Caller(ledger, attempts, Limits(pool), Breakers())
            speaker = Speaker(WORKERS, settings.amqp_url)
            stack.push_async_callback(speaker.close)
            readers = Readers()
            workshop = Workshop(
                crews=CREWS,
                blobs=blobs,
                press=stack.enter_context(Press()),
                door=Door(chains, ledger, caller),
                progress=Progress(speaker, readers.want),
                keys=keys,
            )
            runner = Runner(workshop.do, attempts.usage_of, speaker, settings.silence_seconds)
            handlers.listen(broker, runner, ledger, readers)
            announcing = partial(attempts.keep_announcing, speaker)
            await stack.enter_async_context(running("announcing", announcing))
            await stack.enter_async_context(open_broker(broker))
            await stack.enter_async_context(
                handlers.taking_steps(
                    broker, settings.amqp_url, runner, room, settings.grace_seconds
                )
            )
            await stack.enter_async_context(handlers.telling_room(broker, worker, room))
            leaving = partial(memory.keep_below, settings.memory_mib, partial(leave, app))
            await stack.enter_async_context(running("memory", leaving))
            probes.update(database=database.ping, broker=lambda: ping(broker), blobs=blobs.ping)
            yield

    app = application("Agent workers", lifespan, probes)
    app.include_router(exporting.router)
    return app


async def _own_keys(settings: Settings, models: table.Table, stack: AsyncExitStack) -> OwnKeys:
    if settings.service_key is None:
        return OwnKeys()
    key = settings.service_key.get_secret_value()
    calls = await stack.enter_async_context(ServiceCalls.open(WORKERS, key, settings.auth_url))
    vault = Vault(await calls.client(settings.auth_url), models.providers)
    return OwnKeys(vault.keys_for)


def room_of(settings: Settings) -> handlers.Room:
    """How many steps of which pools are taken side by side."""
    most = handlers.AT_ONCE | {"writing": settings.writing_at_once}
    return {pool: most[pool] for pool in settings.pools}


def table_of(settings: Settings) -> table.Table:
    """The table of models in its file, or the one entry of the simple settings."""
    if settings.models is not None:
        return table.read(settings.models)
    return table.table_of_one(settings.model, settings.openai_api_key, settings.openai_base_url)
