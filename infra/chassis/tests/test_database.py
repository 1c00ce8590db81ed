"""Transactions end as their block does, and replicas that start together migrate once."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from chassis.database import MIGRATION_LOCK, Database, DatabaseAway

ENV = "from chassis import migrations\n\nmigrations.run()\n"
VERSION = """
from alembic import op

revision = "0001"
down_revision = None

def upgrade() -> None:
    op.execute("create table thing (name text primary key)")
    op.execute("select pg_sleep(0.1)")
    op.execute("insert into thing values ('the first')")
    {more}
"""
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that brings a migration."""
    versions = tmp_path / "a_small_service/migrations/versions"
    versions.mkdir(parents=True)
    (tmp_path / "a_small_service/__init__.py").touch()
    (tmp_path / "a_small_service/migrations/env.py").write_text(ENV)
    (versions / "0001_things.py").write_text(VERSION.format(more=""))
    monkeypatch.syspath_prepend(tmp_path)
    yield versions
    sys.modules.pop("a_small_service", None)


KILL_THE_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
"""


async def one(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("select 1")) or 0)


async def things(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(text("select name from thing order by name")))


async def add(database: Database, *names: str) -> None:
    async with database.transaction() as session:
        for name in names:
            await session.execute(text("insert into thing values (:name)"), {"name": name})


async def test_replicas_that_start_together_migrate_once(database_url: str, package: Path) -> None:
    async with Database.open(database_url) as one, Database.open(database_url) as two:
        await asyncio.gather(one.migrate("a_small_service"), two.migrate("a_small_service"))
        await one.migrate("a_small_service")

        assert await things(two) == ["the first"]


async def test_a_replica_waits_for_anothers_migration_however_long_it_takes(
    database_url: str, package: Path
) -> None:
    async with (
        Database.open(database_url) as one,
        Database.open(database_url, command_seconds=0.01) as two,
    ):
        async with one.transaction() as session:
            await session.execute(text(f"select pg_advisory_xact_lock({MIGRATION_LOCK})"))
            waiting = asyncio.create_task(two.migrate("a_small_service"))
            while not await session.scalar(text(WAITING)):
                assert not waiting.done(), waiting
        await waiting

        assert await things(one) == ["the first"]


async def test_a_migration_that_fails_leaves_nothing_and_may_be_tried_again(
    database_url: str, package: Path
) -> None:
    version = package / "0001_things.py"
    version.write_text(VERSION.format(more='raise RuntimeError("no luck")'))
    async with Database.open(database_url) as database:
        with pytest.raises(RuntimeError, match="no luck"):
            await database.migrate("a_small_service")
        version.write_text(VERSION.format(more=""))
        await database.migrate("a_small_service")

        assert await things(database) == ["the first"]


async def test_a_block_that_raises_changes_nothing(database_url: str, package: Path) -> None:
    async with Database.open(database_url) as database:
        await database.migrate("a_small_service")
        with pytest.raises(IntegrityError):
            await add(database, "the second", "the first")
        await add(database, "the third")

        assert await things(database) == ["the first", "the third"]


async def test_a_database_that_is_away_fails_its_probe(database_url: str) -> None:
    async with Database.open(database_url) as database:
        await database.ping()
    async with Database.open(f"{database_url}_nowhere") as nowhere:
        with pytest.raises(Exception, match="does not exist"):
            await nowhere.ping()


async def test_who_asks_a_database_that_is_away_is_told_to_come_back(database_url: str) -> None:
    """R9.1c: not an error of ours, and not for ever."""
    async with Database.open(database_url) as database:
        assert await one(database) == 1
        async with database.engine.connect() as other:
            await other.execute(text(KILL_THE_OTHERS))

        with pytest.raises(DatabaseAway) as caught:
            async with database.transaction() as session:
                await session.execute(text("select pg_terminate_backend(pg_backend_pid())"))

        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})
        assert await one(database) == 1
    async with Database.open("postgresql://nobody@127.0.0.1:1/nothing") as nowhere:
        with pytest.raises(DatabaseAway):
            await one(nowhere)


async def test_an_error_never_tells_what_was_to_be_written(database_url: str) -> None:
    async with Database.open(database_url) as database:
        with pytest.raises(ProgrammingError) as refused:
            await add(database, "what Ada wrote")

    assert "Ada" not in str(refused.value)


async def test_old_code_runs_on_tables_of_newer_code(package: Path, database_url: str) -> None:
    """A deploy that is taken back needs nothing of the database (R5.1d)."""
    newer = package / "0002_more.py"
    newer.write_text(
        'from alembic import op\nrevision = "0002"\ndown_revision = "0001"\n'
        'def upgrade() -> None:\n    op.execute("alter table thing add column size integer")\n'
    )
    async with Database.open(database_url) as database:
        await database.migrate("a_small_service")
        newer.unlink()

        await database.migrate("a_small_service")

        assert await things(database) == ["the first"]
