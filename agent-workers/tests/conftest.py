"""A database with the workers' tables, and a house of models on it."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database, Pool, open_pool

from .house import House


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with Database.open(database_url) as database:
        await database.migrate("agent_workers")
    async with open_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def house(pool: Pool) -> AsyncIterator[House]:
    house = House(pool)
    yield house
    for chains in house.chains:
        await chains.close()
