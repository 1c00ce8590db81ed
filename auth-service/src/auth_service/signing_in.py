"""How a session begins, goes on, and ends."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth_service import audit, erasures, mail_tokens, security, visits
from auth_service.desk import Desk, Present
from auth_service.letters import NEWS_HOLD
from auth_service.revocations import revoke
from auth_service.roles import Standing, standing_of
from auth_service.second_factors import WrongSecondFactor, check
from auth_service.sessions import (
    Reason,
    Session,
    find_running,
    find_spent,
    new_refresh_token,
    session_of,
    turn,
)
from auth_service.store import Account, find_account, lock_account
from auth_service.tokens import USER_TOKEN_LIFE, SignedIn
from chassis.database import time_of
from chassis.errors import Conflict, NotFound, Unauthorized
from chassis.ids import new_id, now
from chassis.remembered import SessionEnded
from journal_contracts.api import TokenView
from journal_contracts.sessions import AccountDeletion, PasswordChange, SignIn, StepUp


class WrongCredentials(Unauthorized):
    """No such account, or another password; nobody is told which."""


class NoPassword(Unauthorized):
    """The account was opened by a provider, and nobody has chosen a password for it yet."""


class InvalidRefreshToken(Unauthorized):
    """It never held, or no longer does."""


class RefreshRaced(Conflict):
    """The same program used this token a moment ago: the answer to that has the next one."""


class NoSuchSession(NotFound):
    """No session of the caller, or one that is over."""


async def sign_in(at: Desk, credentials: SignIn, agent: str) -> TokenView:
    """Begin a session. An unknown address is answered as a wrong password is, and as late."""
    account = await _find(at, credentials.email)
    kept = account.password_hash if account else None
    matched = await at.passwords.match(credentials.password, kept)
    if not matched or account is None or kept is None:
        await note_failure(at, account.id if account else None)
        raise WrongCredentials("The address or the password is wrong.")
    better = await at.passwords.rehash(credentials.password, kept)
    token = new_refresh_token()
    try:
        async with at.database.transaction() as session:
            present = await time_of(session)
            locked = await lock_account(session, account.id, version=account.version)
            if locked is None:
                raise WrongCredentials("The address or the password is wrong.")
            locked.password_hash = better or locked.password_hash
            both = await check(session, at, account.id, credentials.code, present)
            amr = "pwd otp" if both else "pwd"
            begun = session_of(account.id, new_id(), token, present, agent=agent, amr=amr)
            session.add(begun)
            standing = await standing_of(session, account.id)
            await audit.append(session, "signed_in", account.id, session_id=begun.id, amr=amr)
    except WrongSecondFactor:
        await note_failure(at, account.id)
        raise
    return told_of(at, begun, token, standing, present)


async def refresh(at: Desk, token: str, agent: str) -> TokenView:
    """Go on with a session: a new access token, and the refresh token that holds from now on."""
    following, spent = new_refresh_token(), None
    async with at.database.transaction() as session:
        turned = await turn(session, token, following, agent=agent)
        if turned is not None:
            standing = await standing_of(session, turned.user_id)
        elif (spent := await find_spent(session, token, agent=agent)) and not spent.raced:
            robbed = spent.session_id
            await revoke(session, at.outbox, spent.user_id, "refresh_reused", only=robbed)
            await audit.append(session, "refresh_reused", spent.user_id, session_id=robbed)
    if turned is not None:
        return told_of(at, turned, following, standing, turned.seen_at)
    if spent is None:
        raise InvalidRefreshToken("The refresh token does not hold.")
    if spent.raced:
        security.note("refresh_raced", spent.user_id, session_id=str(spent.session_id))
        raise RefreshRaced("This refresh token was used a moment ago.")
    at.outbox.wake()
    security.note("refresh_reused", spent.user_id, session_id=str(spent.session_id))
    raise InvalidRefreshToken("The refresh token does not hold.")


async def step_up(at: Desk, who: Present, proof: StepUp) -> TokenView:
    """The session's user shows again who they are: a token that says so; the session goes on."""
    await prove(at, who, proof.password)
    try:
        async with at.database.transaction() as session:
            await lock_proved(session, who)
            view = await renewed(session, at, who, "pwd", proof.code)
    except WrongSecondFactor:
        await note_failure(at, who.account.id)
        raise
    security.note("stepped_up", who.account.id, session_id=str(who.session.id))
    return view


async def renewed(
    session: AsyncSession, at: Desk, who: Present, how: str, code: str | None
) -> TokenView:
    """A token that says that its user has just shown who they are; `how` goes into its `amr`."""
    present = await time_of(session)
    running = await find_running(session, who.account.id, who.session.id)
    if running is None:
        raise SessionEnded("The session has ended.")
    both = await check(session, at, who.account.id, code, present)
    running.amr = f"{how} otp" if both else how
    running.auth_time, running.access_until = present, present + USER_TOKEN_LIFE
    standing = await standing_of(session, who.account.id)
    told = {"session_id": running.id, "amr": running.amr}
    await audit.append(session, "stepped_up", who.account.id, **told)
    return TokenView(
        access_token=_access_token(at, running, standing, present),
        expires_in=int(USER_TOKEN_LIFE.total_seconds()),
    )


async def sign_out(at: Desk, who: Present, reason: Reason, *, only: UUID | None = None) -> None:
    """End one of the user's sessions, or all."""
    async with at.database.transaction() as session:
        await lock_account(session, who.account.id)
        ended = await revoke(session, at.outbox, who.account.id, reason, only=only)
        if ended:
            told = {"reason": reason, "ended": ended}
            await audit.append(session, "sessions_ended", who.account.id, **told)
    if only is not None and not ended:
        raise NoSuchSession("There is no such session.")
    at.outbox.wake()
    security.note("sessions_ended", who.account.id, reason=reason, ended=ended)


async def change_password(at: Desk, who: Present, change: PasswordChange) -> None:
    """A new password for who knows the old one; the session that asks is the only one to go on."""
    await prove(at, who, change.old)
    kept = await at.passwords.hash(change.new, who.account.email)
    async with at.database.transaction() as session:
        account = await lock_proved(session, who)
        account.password_hash = kept
        account.version += 1
        asking = who.session.id
        await revoke(session, at.outbox, account.id, "password_changed", but=asking)
        await mail_tokens.void(session, account.id)
        news = at.letters.password_changed(account.email)
        at.mails.put(session, news, until=now() + NEWS_HOLD)
        await audit.append(session, "password_changed", account.id)
    at.outbox.wake()
    at.mails.wake()
    security.note("password_changed", who.account.id)


async def delete_account(at: Desk, who: Present, deletion: AccountDeletion) -> None:
    """The account is gone, for who knows its password; its address is free for another."""
    await prove(at, who, deletion.password)
    present = now()
    async with at.database.transaction() as session:
        account = await lock_proved(session, who)
        await revoke(session, at.outbox, account.id, "account_deleted")
        erasures.begin(session, at.outbox, account.id, present)
        await session.flush()
        await session.delete(account)
        await visits.erase(session, account.email)
        await audit.erase(session, account.id)
        await audit.append(session, "account_deleted", account.id)
    at.outbox.wake()
    at.left.set()
    security.note("account_deleted", who.account.id)


async def prove(at: Desk, who: Present, password: str) -> None:
    """Raises `WrongCredentials` where that is not the password of who is present, and `NoPassword`
    where they have none."""
    if who.account.password_hash is None:
        raise NoPassword("Choose a password first, with 'forgotten password'.")
    if not await at.passwords.match(password, who.account.password_hash):
        await note_failure(at, who.account.id)
        raise WrongCredentials("The password is wrong.")


async def note_failure(at: Desk, user_id: UUID | None) -> None:
    """Somebody could not prove who they are; whether anybody is called so takes no longer."""
    async with at.database.transaction() as session:
        await audit.append(session, "login_failed", user_id)
    security.note("login_failed", user_id)


async def lock_proved(session: AsyncSession, who: Present) -> Account:
    """The account as it was when its password was proved, in the hands of a session that runs."""
    account = await lock_account(session, who.account.id, version=who.account.version)
    if account is None:
        raise WrongCredentials("The password is wrong.")
    if await find_running(session, account.id, who.session.id) is None:
        raise SessionEnded("The session has ended.")
    return account


def told_of(
    at: Desk, running: Session, token: str, standing: Standing, present: datetime
) -> TokenView:
    """Both tokens of a session that goes on from now."""
    return TokenView(
        access_token=_access_token(at, running, standing, present),
        expires_in=int(USER_TOKEN_LIFE.total_seconds()),
        refresh_token=token,
        refresh_expires_in=int((running.expires_at - running.seen_at).total_seconds()),
    )


async def _find(at: Desk, email: str) -> Account | None:
    if not email.isprintable():  # no account has such an address, and PostgreSQL refuses NUL
        return None
    async with at.database.transaction() as session:
        return await find_account(session, email)


def _access_token(at: Desk, running: Session, standing: Standing, present: datetime) -> str:
    who = SignedIn(
        user_id=running.user_id,
        session_id=running.id,
        auth_time=running.auth_time,
        amr=tuple(running.amr.split()),
        standing=standing,
    )
    return at.tokens.for_user(who, new_id(), present)
