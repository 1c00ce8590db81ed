"""Every service's tables go up, down and up again with rows in them, and lose nothing (R5.1d).

A row of made-up values is put into each table; what a table has before and after must be equal.
"""

import json
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any, Final

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from chassis.database import Database

FIRST: Final = "0001"
SERVICES: Final = ("auth_service", "orchestrator_service", "agent_workers", "media_service")
EMPTIED: Final = {"outbox"}
"""Letters on their way: let them leave before."""

ID: Final = "018f0000-0000-7000-8000-000000000001"
VALUES: Final = {
    "uuid": f"'{ID}'",
    "text": "'word'",
    "integer": "1",
    "bigint": "1",
    "numeric": "0.25",
    "double precision": "0.5",
    "boolean": "true",
    "bytea": r"'\x7b7d'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "date": "'2026-11-23'",
    "timestamp with time zone": "'2026-11-23 09:00+00'",
    "ARRAY": "'{word}'",
}
MEANT: Final = {
    ("outbox", "state"): "'waiting'",
    ("account_role", "role"): "'operator'",
    ("collaborator", "role"): "'viewer'",
    ("delivery", "state"): "'waiting'",
    ("history", "said"): f"'{json.dumps([{'type': 'word', 'body': {'n': 1}}])}'",
}
COLUMNS: Final = """
select table_name, column_name, data_type from information_schema.columns
 where table_schema = 'public' and table_name <> 'alembic_version' order by 1, ordinal_position
"""
SCHEMA: Final = """
select table_name || '.' || column_name, data_type || ' ' || is_nullable
  from information_schema.columns where table_schema = 'public'
union all
select indexname, indexdef from pg_indexes where schemaname = 'public'
union all
select conname || ' of ' || conrelid::regclass, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = 'public'::regnamespace
"""

Rows = dict[str, dict[str, Any]]


class House:
    """A service's database, at one revision or another."""

    def __init__(self, package: str, database: Database, connection: asyncpg.Connection) -> None:
        self._package = package
        self._database = database
        self._connection = connection

    async def go_to(self, revision: str) -> None:
        """Up or down, as `Database.migrate` does it."""
        async with self._database.engine.begin() as connection:
            await connection.run_sync(self._go, revision)

    def _go(self, connection: Connection, revision: str) -> None:
        config = Config()
        where = str(resources.files(self._package) / "migrations")
        config.set_main_option("script_location", where)
        config.attributes["connection"] = connection
        (command.downgrade if revision == FIRST else command.upgrade)(config, revision)

    async def fill(self) -> None:
        """One row in each table that has none; all ids are one, so the rows belong together.

        Which of them comes first does not matter, once all are there.
        """
        await self._connection.execute("set session_replication_role = replica")
        for table, columns in (await self._columns()).items():
            values = (MEANT.get((table, name), VALUES[kind]) for name, kind in columns.items())
            if not await self._connection.fetchval(f"select count(*) from {table}"):  # noqa: S608
                await self._connection.execute(
                    f"insert into {table} ({', '.join(columns)}) values ({', '.join(values)})"  # noqa: S608
                )
        await self._connection.execute("set session_replication_role = origin")

    async def rows(self) -> Rows:
        """The one row of each table."""
        found = {}
        for table in await self._columns():
            row = await self._connection.fetchrow(f"select * from {table}")  # noqa: S608
            if table not in EMPTIED and row is not None:
                found[table] = dict(row)
        return found

    async def schema(self) -> dict[str, str]:
        return {name: shape for name, shape in await self._connection.fetch(SCHEMA)}

    async def _columns(self) -> dict[str, dict[str, str]]:
        tables: dict[str, dict[str, str]] = {}
        for table, column, kind in await self._connection.fetch(COLUMNS):
            tables.setdefault(table, {})[column] = kind
        return tables


@pytest.fixture(params=SERVICES)
async def house(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[House]:
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    async with Database.open(database_url) as database:
        yield House(request.param, database, connection)
    await connection.close()


async def test_a_service_goes_up_with_all_it_has(house: House) -> None:
    await house.go_to("+1")
    await house.fill()
    before = await house.rows()

    await house.go_to("head")

    after = await house.rows()
    assert before.keys() <= after.keys()
    assert _kept(before, after) == _kept(after, before)


async def test_a_service_goes_down_and_up_again_with_what_both_know(house: House) -> None:
    await house.go_to("head")
    await house.fill()
    above, schema = await house.rows(), await house.schema()

    await house.go_to(FIRST)
    below = await house.rows()
    await house.go_to("head")

    again = await house.rows()
    assert await house.schema() == schema
    assert _kept(above, below) == _kept(below, above)
    assert _kept(below, again) == _kept(again, below)
    if "history" in above:  # below, its words lie in other columns
        assert again["history"]["said"] == above["history"]["said"]


def _kept(rows: Rows, others: Rows) -> Rows:
    """What of `rows` there is a place for in `others`."""
    return {
        table: {name: value for name, value in row.items() if name in others[table]}
        for table, row in rows.items()
        if table in others
    }
