"""What operators ask about the audit."""

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter

from auth_service import audit, reporting
from auth_service.desk import AtDesk, WhoIsPresent
from auth_service.roles import standing_of
from chassis.errors import Forbidden
from chassis.identity import OPERATOR_SCOPE, check_recent
from chassis.ids import now
from journal_contracts.auditing import AuditReport

A_MONTH: Final = timedelta(days=30)


class ScopeMissing(Forbidden):
    """This is for operators."""


routes = APIRouter(prefix="/v1/audit")


@routes.get("")
async def report(who: WhoIsPresent, at: AtDesk, since: datetime | None = None) -> AuditReport:
    """Whether the audit holds, and what was done since then, or in the last 30 days.

    That somebody has read it stands in it too.
    """
    async with at.database.transaction() as session:
        standing = await standing_of(session, who.account.id)
        if OPERATOR_SCOPE not in standing.scopes:
            raise ScopeMissing("This is for users with the scope operator.", scope=OPERATOR_SCOPE)
        check_recent(who.session.auth_time.timestamp())
        await audit.append(session, "audit_read", who.account.id)
    asked = since or now() - A_MONTH
    return await reporting.report(at, asked if asked.tzinfo else asked.replace(tzinfo=UTC))
