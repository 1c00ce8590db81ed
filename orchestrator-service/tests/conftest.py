"""What tests of the orchestrator stand on."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        await database.migrate("orchestrator_service")
        yield database
