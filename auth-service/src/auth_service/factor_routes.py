"""A second factor: set up, confirmed with its first code, removed with both."""

from fastapi import APIRouter, Response

from auth_service import audit, second_factors, security
from auth_service.desk import AtDesk, WhoIsPresent
from auth_service.signing_in import lock_proved, prove
from chassis.ids import now
from journal_contracts.sessions import (
    RecoveryCodes,
    TotpConfirmation,
    TotpOrder,
    TotpRemoval,
    TotpView,
)

routes = APIRouter(prefix="/v1/auth/totp")


@routes.post("", status_code=201)
async def set_up(order: TotpOrder, who: WhoIsPresent, at: AtDesk, response: Response) -> TotpView:
    """A secret for an authenticator. 409 `second_factor_there` where one counts already."""
    await prove(at, who, order.password)
    response.headers["Cache-Control"] = "no-store"
    return await second_factors.set_up(at, who.account)


@routes.post("/confirm")
async def confirm(
    confirmation: TotpConfirmation, who: WhoIsPresent, at: AtDesk, response: Response
) -> RecoveryCodes:
    """Let it count. The recovery codes are told now and never again."""
    codes = await second_factors.confirm(at, who, confirmation.code)
    security.note("second_factor_set", who.account.id)
    response.headers["Cache-Control"] = "no-store"
    return codes


@routes.post("/remove", status_code=204)
async def remove(removal: TotpRemoval, who: WhoIsPresent, at: AtDesk) -> None:
    """Let no code be asked for any more."""
    await prove(at, who, removal.password)
    async with at.database.transaction() as session:
        account = await lock_proved(session, who)
        await second_factors.check(session, at, account.id, removal.code, now())
        await second_factors.remove(session, account.id)
        await audit.append(session, "second_factor_removed", account.id)
    security.note("second_factor_removed", who.account.id)
