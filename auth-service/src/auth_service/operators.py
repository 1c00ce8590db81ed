"""Who may look after the platform: granted and taken back on the server, and nowhere else.

What operators may do is asked of this service each time, so both hold at once.
"""

from datetime import datetime
from typing import Final

import structlog

from auth_service import audit, roles
from auth_service.store import find_account
from chassis.database import Database
from chassis.ids import now

log = structlog.get_logger()

OPERATOR: Final = "operator"


class NoSuchAccount(LookupError):
    """Nobody has this address."""


class NotVerified(LookupError):
    """Whoever opened the account did not show that the address is theirs."""


async def grant(
    database: Database,
    email: str,
    by: str,
    until: datetime | None = None,
    *,
    vouched: bool = False,
) -> None:
    """Make an account an operator's; to do it again changes only until when.

    Its address was verified, or whoever says so has `vouched` for it.
    """
    async with database.transaction() as session:
        account = await find_account(session, email)
        if account is None:
            raise NoSuchAccount(email)
        if account.verified_at is None and not vouched:
            raise NotVerified(email)
        account.verified_at = account.verified_at or now()
        await roles.grant(session, account.id, OPERATOR, by=by, now=now(), until=until)
        await audit.append(session, "operator_granted", account.id, by=by, until=until)
    log.warning("operator_granted", audit=True, user_id=str(account.id), by=by, until=str(until))


async def revoke(database: Database, email: str, by: str) -> None:
    """Make it an ordinary one again."""
    async with database.transaction() as session:
        account = await find_account(session, email)
        if account is None:
            raise NoSuchAccount(email)
        await roles.take_back(session, account.id, OPERATOR)
        await audit.append(session, "operator_revoked", account.id, by=by)
    log.warning("operator_revoked", audit=True, user_id=str(account.id), by=by)
