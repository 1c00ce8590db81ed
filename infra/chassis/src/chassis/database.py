"""The service's own PostgreSQL: an async engine with a pool, sessions, and its migrations."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from importlib import resources
from typing import Self

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

from chassis.errors import Unavailable

log = structlog.get_logger()

Pool = asyncpg.Pool

MIGRATION_LOCK = 4_607_182
NOT_NOW = ("08", "53", "57", "58")
"""Classes of PostgreSQL's errors that are of the moment: connections, resources, an operator."""


class DatabaseAway(Unavailable):
    """The database did not answer, or there was no connection to be had in time."""


class Database:
    """Sessions over one pool. Whoever opens a transaction commits it; queries never do."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, url: str, *, pool: int = 10, command_seconds: float = 15
    ) -> AsyncIterator[Self]:
        """Open a pool on `postgresql://...`; connections are checked before use."""
        engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool,
            max_overflow=pool,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,  # or an error would tell the log what people wrote
            connect_args={"timeout": 5, "command_timeout": command_seconds},
        )
        try:
            yield cls(engine)
        finally:
            await engine.dispose()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end of the block, or rolls back if it raises.

        Raises `DatabaseAway`; whether a commit that was under way was made is not known then.
        """
        try:
            async with self._sessions() as session, session.begin():
                yield session
        except (DBAPIError, PoolExhausted, OSError) as error:
            if isinstance(error, DBAPIError) and not _is_of_the_moment(error):
                raise
            raise DatabaseAway("What is kept cannot be reached at the moment.") from error

    async def ping(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def migrate(self, package: str) -> None:
        """Bring the tables to the newest version; of replicas that start together one does it.

        The others wait for it as long as it takes: here no command has a timeout. Tables of newer
        code are left as they are: during a deploy, or after one was taken back, old code runs on.
        """
        patient = create_async_engine(
            self.engine.url, poolclass=NullPool, connect_args={"timeout": 5}
        )
        async with patient.begin() as connection:
            await connection.execute(
                text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
            )
            await connection.run_sync(_upgrade, package)


async def time_of(session: AsyncSession) -> datetime:
    """The database's time, the one clock of all replicas; it stands still in a transaction."""
    found: datetime = (await session.execute(select(func.now()))).scalar_one()
    return found


@contextlib.asynccontextmanager
async def open_pool(
    url: str, *, size: int = 6, statement_seconds: float = 2
) -> AsyncIterator[Pool]:
    """Connections in asyncpg's own words, for statements that run all the time.

    A statement that takes longer than `statement_seconds` fails, and its transaction with it.
    Whoever uses them leaves no lock, cursor, listener or setting in a session: none is looked for,
    which would be another round trip for each statement. Open transactions are rolled back.
    """
    async with asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        timeout=5,
        command_timeout=2 * statement_seconds,
        reset=_as_it_is,
        server_settings={"statement_timeout": str(int(1000 * statement_seconds))},
    ) as pool:
        yield pool


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """There is nothing to put back."""


def _is_of_the_moment(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or (state is not None and state.startswith(NOT_NOW))


def _upgrade(connection: Connection, package: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations"))
    config.attributes["connection"] = connection
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    there = MigrationContext.configure(connection).get_current_heads()
    if known.issuperset(there):
        command.upgrade(config, "head")
    else:
        log.warning("tables_are_newer", package=package, there=there)
