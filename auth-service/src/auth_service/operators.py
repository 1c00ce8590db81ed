"""Who may look after the platform: granted and taken back on the server, and nowhere else.

`python -m auth_service grant-operator EMAIL` and `revoke-operator EMAIL`. Access tokens that are
given out from then on carry the scope, or no longer do; those that are out hold to their end.
"""

import argparse
import asyncio
import getpass
from collections.abc import Sequence

import structlog

from auth_service.settings import Settings
from auth_service.store import add_operator, find_account, remove_operator
from chassis.database import Database
from chassis.ids import now

log = structlog.get_logger()


class NoSuchAccount(LookupError):
    """Nobody has this address."""


def run(words: Sequence[str]) -> None:
    """Do what was typed; ends the process with a sentence where that cannot be done."""
    parser = argparse.ArgumentParser("python -m auth_service", description=__doc__)
    parser.add_argument("what", choices=("grant-operator", "revoke-operator"))
    parser.add_argument("email")
    parser.add_argument("--by", default=getpass.getuser(), help="who grants it, for the record")
    typed = parser.parse_args(words)
    try:
        asyncio.run(_run(typed.what, typed.email, typed.by))
    except NoSuchAccount as error:
        raise SystemExit(f"Nobody has the address {error}.") from None


async def _run(what: str, email: str, by: str) -> None:
    async with Database.open(Settings().database_url.get_secret_value()) as database:
        if what == "grant-operator":
            await grant(database, email, by)
        else:
            await revoke(database, email, by)


async def grant(database: Database, email: str, by: str) -> None:
    """Make an account an operator's; to do it again changes nothing."""
    async with database.transaction() as session:
        account = await find_account(session, email)
        if account is None:
            raise NoSuchAccount(email)
        await add_operator(session, account.id, by, now())
    log.warning("operator_granted", user_id=str(account.id), by=by)


async def revoke(database: Database, email: str, by: str) -> None:
    """Make it an ordinary one again."""
    async with database.transaction() as session:
        account = await find_account(session, email)
        if account is None:
            raise NoSuchAccount(email)
        await remove_operator(session, account.id)
    log.warning("operator_revoked", user_id=str(account.id), by=by)
