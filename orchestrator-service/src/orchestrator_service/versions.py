"""`python -m orchestrator_service move-on`: put the newest table of phases of this code in force.

Said by an operator once every replica runs the new code; journals then follow one by one.
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from orchestrator_service.plan import NEWEST
from orchestrator_service.settings import Settings

log = structlog.get_logger()

BEHIND: Final = """
select count(*) from replica
 where newest < $1 and seen_at > clock_timestamp() - interval '10 seconds'
"""


class ReplicasBehind(RuntimeError):
    """So many live replicas do not know the version."""


def run() -> None:
    """Do it; ends the process with a sentence where it cannot be done."""
    try:
        asyncio.run(_move_on(Settings().database_url.get_secret_value()))
    except ReplicasBehind as error:
        raise SystemExit(f"Still running older code: {error} replicas.") from None


async def _move_on(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await put_in_force(connection, NEWEST)
    finally:
        await connection.close()
    log.warning("version_in_force", version=NEWEST)


async def put_in_force(connection: asyncpg.Connection, version: int) -> None:
    """Let journals begin with `version`, and follow to it. Raises `ReplicasBehind`."""
    async with connection.transaction():
        await connection.execute("lock table replica in share mode")
        if behind := await connection.fetchval(BEHIND, version):
            raise ReplicasBehind(str(behind))
        await connection.execute(
            "insert into definition (version) values ($1) on conflict do nothing", version
        )
