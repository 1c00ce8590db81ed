"""What people say of the letters about their journals."""

from fastapi import APIRouter

from auth_service import stopping
from auth_service.desk import AtDesk, WhoIsPresent
from journal_contracts.sessions import NoticesStop, NoticeWishes

routes = APIRouter(prefix="/v1/auth/notices")


@routes.get("")
async def wishes(who: WhoIsPresent, at: AtDesk) -> NoticeWishes:
    """What the caller is written to about."""
    async with at.database.transaction() as session:
        return await stopping.wishes_of(session, who.account.id)


@routes.put("")
async def choose(chosen: NoticeWishes, who: WhoIsPresent, at: AtDesk) -> NoticeWishes:
    """Choose it."""
    async with at.database.transaction() as session:
        await stopping.choose(session, who.account.id, chosen)
    return chosen


@routes.post("/stop", status_code=204)
async def stop(order: NoticesStop, at: AtDesk) -> None:
    """Write no more to whoever got the letter with this token."""
    async with at.database.transaction() as session:
        await at.stopping.stop(session, order.token)
