"""What goes by letter: whose an address is, a forgotten password, and another address.

Nobody who is not sent the letter learns whether there is an account: known or not, the answer is
the same, after the same statements.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service import audit, mail_tokens, second_factors, security
from auth_service.desk import Desk, Present
from auth_service.letters import NEWS_HOLD
from auth_service.mail_tokens import LIVES, MailToken, Purpose
from auth_service.revocations import revoke
from auth_service.signing_in import WrongCredentials, lock_proved, note_failure, prove
from auth_service.store import Account, add_account, find_account, lock_account
from chassis.errors import Conflict, ServiceError
from chassis.ids import now
from journal_contracts.sessions import MailChange, MailProof, NewPassword


class EmailUnfit(ServiceError):
    """An address that no mail could go to."""

    status = 422


class MailTokenVoid(ServiceError):
    """It was used, is too old, is for something else, or never was."""

    status = 410


class EmailTaken(Conflict):
    """The address became another account's meanwhile; said to who reads its mail alone."""


def mailable(email: str) -> str:
    """The address; raises `EmailUnfit`."""
    if not email.isprintable():
        raise EmailUnfit("An address has no control characters.")
    return email


async def register(at: Desk, account: Account) -> None:
    """Open an account, or tell the one that has the address."""
    present = now()
    async with at.database.transaction() as session:
        if await add_account(session, account):
            await _verify(session, at, account, present)
            await audit.append(session, "account_opened", account.id)
        else:
            known = await find_account(session, account.email)
            await _offer_reset(session, at, known, account.email, present, opened=False)
    at.mails.wake()


async def verify_again(at: Desk, who: Present, password: str) -> None:
    """Send the letter that verifies the address once more; not where it is verified."""
    await prove(at, who, password)
    async with at.database.transaction() as session:
        account = await lock_proved(session, who)
        if account.verified_at is None:
            await _verify(session, at, account, now())
    at.mails.wake()


async def forgot(at: Desk, email: str) -> None:
    """Send whoever has the account what a new password is chosen with."""
    async with at.database.transaction() as session:
        known = await find_account(session, email)
        await _offer_reset(session, at, known, email, now(), opened=True)
    at.mails.wake()


async def reset(at: Desk, order: NewPassword) -> None:
    """A new password: all sessions end. The address is its reader's from now on.

    Where that had not been shown before, whoever opened the account loses the second factor too.
    """
    found = await _find(at, order.token, "reset")
    kept = await at.passwords.hash(order.new, found.email)
    present = now()
    async with at.database.transaction() as session:
        account = await _take(session, found, order.token, "reset")
        account.password_hash = kept
        account.version += 1
        if account.verified_at is None:
            account.verified_at = present
            await second_factors.remove(session, account.id)
        await mail_tokens.void(session, account.id)
        ended = await revoke(session, at.outbox, account.id, "password_reset")
        await audit.append(session, "password_reset", account.id, ended=ended)
        news = at.letters.password_changed(account.email)
        at.mails.put(session, news, until=present + NEWS_HOLD)
    at.outbox.wake()
    at.mails.wake()
    security.note("password_reset", account.id, ended=ended)


async def verify(at: Desk, proof: MailProof) -> None:
    """The address is the account's: shown by who reads its mail and knows the password."""
    found, version = await _prove(at, proof, "verify")
    async with at.database.transaction() as session:
        account = await _take(session, found, proof.token, "verify", version)
        account.verified_at = account.verified_at or now()
        await audit.append(session, "mail_verified", account.id)
    security.note("mail_verified", account.id)


async def change(at: Desk, who: Present, order: MailChange) -> None:
    """Ask at another address whether the account may move there."""
    await prove(at, who, order.password)
    present = now()
    async with at.database.transaction() as session:
        account = await lock_proved(session, who)
        other = await find_account(session, order.email)
        if other is None or other.id == account.id:
            free = await mail_tokens.may_be_sent(session, account.id, "change")
            whose = account.id if free else None
            token = mail_tokens.draw(session, whose, "change", order.email, present)
            letter = at.letters.change(order.email, token) if free else None
            at.mails.put(session, letter, until=present + LIVES["change"])
        else:
            await _offer_reset(session, at, other, order.email, present, opened=False)
    at.mails.wake()


async def confirm_change(at: Desk, proof: MailProof) -> None:
    """Move there; who read the mail of the former address is told."""
    found, version = await _prove(at, proof, "change")
    present = now()
    try:
        async with at.database.transaction() as session:
            account = await _take(session, found, proof.token, "change", version)
            news = at.letters.moved(account.email)
            at.mails.put(session, news, until=present + NEWS_HOLD)
            account.email, account.verified_at = found.email, present
            await mail_tokens.void(session, account.id)
            await audit.append(session, "mail_changed", account.id)
    except IntegrityError as error:
        raise EmailTaken("There is an account with this address by now.") from error
    at.mails.wake()
    security.note("mail_changed", account.id)


async def _verify(session: AsyncSession, at: Desk, account: Account, present: datetime) -> None:
    may = await mail_tokens.may_be_sent(session, account.id, "verify")
    whose = account.id if may else None
    token = mail_tokens.draw(session, whose, "verify", account.email, present)
    letter = at.letters.verify(account.email, token) if may else None
    at.mails.put(session, letter, until=present + LIVES["verify"])


async def _offer_reset(
    session: AsyncSession,
    at: Desk,
    known: Account | None,
    email: str,
    present: datetime,
    *,
    opened: bool,
) -> None:
    """The same steps where nobody is known, or was written to often enough: then to nobody."""
    user_id: UUID | None = known.id if known else None
    may = await mail_tokens.may_be_sent(session, user_id, "reset") and known is not None
    token = mail_tokens.draw(session, user_id if may else None, "reset", email, present)
    write = at.letters.reset if opened else at.letters.known
    letter = write(known.email, token) if known and may else None
    at.mails.put(session, letter, until=present + LIVES["reset"])


async def _find(at: Desk, token: str, purpose: Purpose) -> MailToken:
    async with at.database.transaction() as session:
        found = await mail_tokens.find(session, token, purpose)
    if found is None:
        security.note("mail_token_void", None, purpose=purpose)
        raise MailTokenVoid("What the letter offered holds no more.")
    return found


async def _prove(at: Desk, proof: MailProof, purpose: Purpose) -> tuple[MailToken, int]:
    """What was shown, and the version of the password; a wrong one uses nothing up."""
    found = await _find(at, proof.token, purpose)
    async with at.database.transaction() as session:
        account = await session.get(Account, found.user_id)
    kept = account.password_hash if account else None
    if not await at.passwords.match(proof.password, kept) or account is None:
        await note_failure(at, found.user_id)
        raise WrongCredentials("The password is wrong.")
    return found, account.version


async def _take(
    session: AsyncSession,
    found: MailToken,
    token: str,
    purpose: Purpose,
    version: int | None = None,
) -> Account:
    """The account, locked, and the token used up."""
    user_id = found.user_id
    account = await lock_account(session, user_id, version=version) if user_id else None
    if account is None or not await mail_tokens.use(session, token, purpose):
        raise MailTokenVoid("What the letter offered holds no more.")
    return account
