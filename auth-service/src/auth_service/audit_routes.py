"""What operators ask about the audit, and what is noted of them for other services."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends

from auth_service import audit, reporting
from auth_service.desk import AtDesk, Present, WhoIsPresent
from auth_service.roles import standing_of
from chassis.errors import Forbidden
from chassis.identity import OPERATOR_SCOPE, check_recent, only_from
from chassis.ids import now
from journal_contracts.auditing import ActOrder, AuditReport
from journal_contracts.catalogue import ORCHESTRATOR

A_MONTH: Final = timedelta(days=30)


class ScopeMissing(Forbidden):
    """This is for operators."""


routes = APIRouter(prefix="/v1/audit")


async def operator(who: WhoIsPresent, at: AtDesk) -> Present:
    """A FastAPI dependency: an operator, who has just shown who they are; or 403, or 401."""
    async with at.database.transaction() as session:
        standing = await standing_of(session, who.account.id)
    if OPERATOR_SCOPE not in standing.scopes:
        raise ScopeMissing("This is for users with the scope operator.", scope=OPERATOR_SCOPE)
    check_recent(who.session.auth_time.timestamp())
    return who


WhoOperates = Annotated[Present, Depends(operator)]


@routes.get("")
async def report(who: WhoOperates, at: AtDesk, since: datetime | None = None) -> AuditReport:
    """Whether the audit holds, and what was done since then, or in the last 30 days.

    That somebody has read it stands in it too.
    """
    async with at.database.transaction() as session:
        await audit.append(session, "audit_read", who.account.id)
    asked = since or now() - A_MONTH
    return await reporting.report(at, asked if asked.tzinfo else asked.replace(tzinfo=UTC))


@routes.post("/acts", status_code=204, dependencies=[Depends(only_from(ORCHESTRATOR))])
async def note(order: ActOrder, who: WhoOperates, at: AtDesk) -> None:
    """What an operator is about to do there."""
    told = order.choice.model_dump(mode="json", exclude_none=True)
    async with at.database.transaction() as session:
        await audit.append(session, order.act, who.account.id, choice=told)
