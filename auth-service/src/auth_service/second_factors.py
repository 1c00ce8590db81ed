"""A second factor: what somebody has, beside what they know. Every code holds once.

A secret is kept sealed, a recovery code as its digest. Where the service's secret was replaced no
authenticator's is read any more; recovery codes hold, and with one the factor is set up anew.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, LargeBinary, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from auth_service import audit, one_time
from auth_service.desk import Desk, Present
from auth_service.store import Account
from chassis.errors import Conflict, ServiceError, Unauthorized
from chassis.ids import now
from chassis.seals import Unsealable
from journal_contracts.sessions import RecoveryCodes, TotpView


class SecondFactorNeeded(Unauthorized):
    """The password is right; the code of the authenticator, or a recovery code, is missing."""


class WrongSecondFactor(Unauthorized):
    """No code of about now, or one that was used."""


class SecondFactorThere(Conflict):
    """There is one already; it is removed first."""


class CodeUnfit(ServiceError):
    """Not the code of the authenticator that is being set up."""

    status = 422


class SecondFactor(SQLModel, table=True):
    """An authenticator; it counts once it was confirmed."""

    __tablename__ = "second_factor"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    last_step: int
    """Codes of this step, and of those before, hold no more."""
    confirmed_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


class RecoveryCode(SQLModel, table=True):
    """One that was not used yet."""

    __tablename__ = "recovery_code"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))


async def set_up(at: Desk, account: Account) -> TotpView:
    """A new secret for an authenticator; it counts once a code of it was shown."""
    secret = one_time.new_secret()
    row = SecondFactor(user_id=account.id, sealed=at.seal.close(secret), last_step=0)
    statement = insert(SecondFactor).values(row.model_dump())
    statement = statement.on_conflict_do_update(
        index_elements=["user_id"],
        set_={"sealed": statement.excluded.sealed},
        where=col(SecondFactor.confirmed_at).is_(None),
    )
    async with at.database.transaction() as session:
        made = await session.execute(statement.returning(col(SecondFactor.user_id)))
        if made.first() is None:
            raise SecondFactorThere("There is a second factor already.")
    return TotpView(secret=one_time.as_typed(secret), uri=one_time.uri_of(secret, account.email))


async def confirm(at: Desk, who: Present, code: str) -> RecoveryCodes:
    """Let the authenticator count from now on; with the recovery codes, which are told once."""
    codes, present = one_time.new_recovery_codes(), now()
    async with at.database.transaction() as session:
        factor = await session.get(SecondFactor, who.account.id, with_for_update=True)
        if factor is None or factor.confirmed_at is not None:
            raise SecondFactorThere("There is no second factor to be confirmed.")
        step = one_time.step_of(at.seal.open(factor.sealed), code, present)
        if step is None:
            raise CodeUnfit("This is not the code of about now.")
        factor.last_step, factor.confirmed_at = step, present
        for each in codes:
            digest = one_time.recovery_digest(each)
            session.add(RecoveryCode(user_id=who.account.id, digest=digest))
        await audit.append(session, "second_factor_set", who.account.id)
    return RecoveryCodes(codes=codes)


async def remove(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    await session.execute(delete(SecondFactor).where(col(SecondFactor.user_id) == user_id))


async def check(
    session: AsyncSession, at: Desk, user_id: UUID, code: str | None, present: datetime
) -> bool:
    """Use a code up, where one is needed; false where none is.

    Raises `SecondFactorNeeded` and `WrongSecondFactor`.
    """
    factor = await session.get(SecondFactor, user_id)
    if factor is None or factor.confirmed_at is None:
        return False
    if code is None:
        raise SecondFactorNeeded("The code of the authenticator is needed.")
    if not await _use(session, at, factor, code, present):
        raise WrongSecondFactor("The code does not hold.")
    return True


async def _use(
    session: AsyncSession, at: Desk, factor: SecondFactor, code: str, present: datetime
) -> bool:
    """One statement each: of two who show the same code at once, one finds it."""
    try:
        step = one_time.step_of(at.seal.open(factor.sealed), code, present)
    except Unsealable:
        step = None
    if step is not None:
        turned = await session.execute(
            update(SecondFactor)
            .where(col(SecondFactor.user_id) == factor.user_id, col(SecondFactor.last_step) < step)
            .values(last_step=step)
            .returning(col(SecondFactor.user_id))
        )
        return turned.first() is not None
    used = await session.execute(
        delete(RecoveryCode)
        .where(
            col(RecoveryCode.user_id) == factor.user_id,
            col(RecoveryCode.digest) == one_time.recovery_digest(code),
        )
        .returning(col(RecoveryCode.user_id))
    )
    return used.first() is not None
