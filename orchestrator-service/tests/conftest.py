"""What tests of the orchestrator stand on."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database
from chassis.testing import template_of

template = template_of("orchestrator_service")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database
