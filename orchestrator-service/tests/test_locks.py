"""Who sends letters waits for no row that a transition holds, so the two never deadlock (R3.1c)."""

import asyncio

import pytest

from chassis.database import open_pool
from chassis.ids import new_id
from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.product import PlanName
from orchestrator_service.engine.engine import Engine
from orchestrator_service.engine.postgres import PostgresStore

from .crew import request
from .test_desk import database
from .test_versions import Listener

__all__ = ["database"]


@pytest.mark.xfail(strict=True, reason="settling waits for a transition, which may wait for it")
@pytest.mark.usefixtures("database")
async def test_letters_are_settled_past_those_a_transition_is_closing(database_url: str) -> None:
    async with (
        open_pool(database_url) as pool,
        Engine.on(PostgresStore(pool, (1,)), Listener(ORCHESTRATOR, ""), 10_000) as engine,
    ):
        for _ in range(3):
            await engine.transitions.begin(new_id(), new_id(), request(PlanName.EXPRESS))
        query = "select id from outbox where phase is not null order by id"
        held, *others = [row["id"] for row in await pool.fetch(query)]

        async with pool.acquire() as transition, transition.transaction():
            await transition.execute("select from outbox where id = $1 for update", held)
            await asyncio.wait_for(engine.store.settle([*others, held]), timeout=1.5)

        states = dict(await pool.fetch("select id, state from outbox where phase is not null"))
    assert states == {held: "leaving", **dict.fromkeys(others, "out")}
