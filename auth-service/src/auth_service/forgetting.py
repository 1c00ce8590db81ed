"""What is over long enough is forgotten, once an hour."""

import asyncio
import contextlib
from functools import partial
from typing import Final

from auth_service import grants, mail_tokens, notices, revocations, visits
from chassis.database import Database
from chassis.jobs import running

EVERY_SECONDS: Final = 3_600


def forgetting(database: Database) -> contextlib.AbstractAsyncContextManager[None]:
    """Forget while the block runs; replicas that do so at once do it once."""
    return running("forgetting", partial(_forget, database))


async def _forget(database: Database) -> None:
    while True:
        async with database.transaction() as session:
            await revocations.forget(session)
            await mail_tokens.forget(session)
            await grants.forget(session)
            await notices.forget(session)
            await visits.forget(session)
        await asyncio.sleep(EVERY_SECONDS)
