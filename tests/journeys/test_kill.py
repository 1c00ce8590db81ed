"""Kill -9 in the middle of curation: the journal completes, no finished batch ran twice (R3.2c)."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from llmock.testing import LLMockServer

from journal_client.client import Client
from journal_contracts.api import JournalOrder, JournalView
from journal_contracts.events import PhaseAdvanced
from journal_contracts.product import PlanName
from journalcraft.platform import Platform

from ..conftest import registered
from .following import done, over, until

PATIENCE: Final = 240
WORD_PAUSE_MS: Final = 4


def kill_and_start(service: str) -> Callable[[Platform], None]:
    """A service dies, and another process takes its place."""

    def blow(platform: Platform) -> None:
        platform.kill(service)
        platform.start(service)

    return blow


def kill_rabbitmq(platform: Platform) -> None:
    """The broker dies, and comes back with what was on its disk."""
    platform.servers.restart("rabbitmq", kill=True)


BLOWS: Final = (
    kill_and_start("agent-workers"),
    kill_and_start("gateway-service"),
    kill_and_start("orchestrator-service"),
    kill_rabbitmq,
)


@pytest.mark.timeout(480)
async def test_killed_processes_cost_nothing_that_was_finished(
    platform_on_provider: Platform, provider: LLMockServer
) -> None:
    """One after the other, each as soon as the last victim is back, while models write."""
    platform = platform_on_provider
    provider.state.journal.clear()
    _pace(provider, WORD_PAUSE_MS)
    async with registered(platform.url) as user:
        journal = await user.order(
            JournalOrder(theme="learning to say no", plan=PlanName.EXPRESS, unattended=True)
        )
        await until(user, journal, lambda view: done(view, "curation") >= 1)
        for blow in BLOWS:
            await asyncio.to_thread(blow, platform)
            assert (await user.state(journal)).status == "running"
        _pace(provider, 0)
        view = await asyncio.wait_for(over(user, journal), PATIENCE)

        assert view.status == "completed", view.trouble
        await _nothing_finished_ran_twice(user, view)
        await _nothing_kept_was_paid_again(platform, provider, journal)


async def _nothing_finished_ran_twice(user: Client, view: JournalView) -> None:
    history = await user.history(view.id)

    assert [entry.n for entry in history] == list(range(1, view.n + 1))
    parts = Counter(
        (entry.data["phase"], entry.data["part"])
        for entry in history
        if entry.type == PhaseAdvanced.name
    )
    assert set(parts.values()) == {1}


async def _nothing_kept_was_paid_again(
    platform: Platform, provider: LLMockServer, journal: UUID
) -> None:
    """Every question was answered whole once; one more only where a worker died in between."""
    calls = await _calls(platform, journal)
    asked = Counter(record.fingerprint for record in provider.state.journal.records())

    assert all(call["reply"] for call in calls)
    assert sum(asked.values()) - len(asked) <= sum(call["lost"] for call in calls)


async def _calls(platform: Platform, journal: UUID) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(re.sub(r"/[^/]*$", "/workers", platform.addresses.postgres))
    try:
        query = "select reply, lost from paid_call where journal_id = $1"
        rows: list[asyncpg.Record] = await connection.fetch(query, journal)
        return rows
    finally:
        await connection.close()


def _pace(provider: LLMockServer, pause_ms: int) -> None:
    chaos = provider.state.stream_chaos
    provider.state.stream_chaos = replace(chaos, chunk_delay_ms=pause_ms)
