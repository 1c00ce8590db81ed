"""What the services kept of a journal: the manuscripts that were bound, and the calls made."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from agent_workers.desk import Desk
from agent_workers.manuscripts import as_ordered, final, ordered
from chassis.blobs import Blobs, open_blobs
from journal_contracts import checks
from journal_contracts.commands import RunPhase
from journalcraft.platform import Platform
from journalcraft.wiring import BUCKET, DATABASES, ORCHESTRATOR, WORKERS
from orchestrator_service import steps
from orchestrator_service.store import SAGA

SAGA_OF: Final = "select saga from journal where id = $1"
CALLS_OF: Final = """
select count(*) as calls,
       count(distinct (phase, part, counted_by)) filter (where counted_by is not null) as steps
  from attempt where journal_id = $1
"""
NOBODY: Any = None


async def bound_by(platform: Platform, journal: UUID) -> list[checks.Book]:
    """Both books as the binding had them, beside what was ordered of them."""
    async with _database(platform, ORCHESTRATOR) as connection:
        saga = SAGA.validate_json(await connection.fetchval(SAGA_OF, journal))
    (binding,) = steps.commands(saga, "binding", [""])
    assert isinstance(binding, RunPhase)
    async with open_blobs(_store(platform)) as blobs:
        desk = _desk(binding, blobs)
        outline, insights = await ordered(desk)
        return [as_ordered(book, outline, insights) for book in await final(desk)]


async def calls_of(platform: Platform, journal: UUID) -> tuple[int, int]:
    """All calls to a model, and how many attempts at a step made one."""
    async with _database(platform, WORKERS) as connection:
        found = await connection.fetchrow(CALLS_OF, journal)
    assert found is not None
    return found["calls"], found["steps"]


def _desk(step: RunPhase, blobs: Blobs) -> Desk:
    """Where one can only read."""
    return Desk(step, blobs, NOBODY, ask=NOBODY, draw=NOBODY, model=lambda: "")


@contextlib.asynccontextmanager
async def _database(platform: Platform, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A service's own database, on a platform with servers of its own."""
    url = urlsplit(platform.addresses.postgres)._replace(path=f"/{DATABASES[service]}")
    connection = await asyncpg.connect(url.geturl())
    try:
        yield connection
    finally:
        await connection.close()


def _store(platform: Platform) -> str:
    return urlsplit(platform.addresses.s3)._replace(path=f"/{BUCKET}").geturl()
