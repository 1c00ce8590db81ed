"""Signing in by others: what a browser that came back from a provider opens, and what it does not.

An address opens nothing. Where somebody has it already who did not link this identity, they sign
in as they did and link it: neither who opened an account with a stranger's address before, nor a
provider that vouches for what it should not, becomes anybody else.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth_service import audit, identities, security, visits
from auth_service.desk import Desk, Present
from auth_service.id_tokens import LEEWAY
from auth_service.identities import Identity
from auth_service.letters import NEWS_HOLD
from auth_service.outside import ProviderAway
from auth_service.roles import standing_of
from auth_service.second_factors import WrongSecondFactor, check
from auth_service.sessions import Session, find_running, new_refresh_token, session_of
from auth_service.signing_in import note_failure, renewed, told_of
from auth_service.store import Account, add_account, lock_account
from auth_service.visits import Drawn, Purpose, Visit, VisitVoid
from chassis.database import time_of
from chassis.errors import Conflict, Forbidden, NotFound
from chassis.ids import new_id, now
from chassis.remembered import SessionEnded
from journal_contracts.api import TokenView
from journal_contracts.oidc import OidcArrived, OidcProof, OidcReturn, OidcStarted

ASKED: Final[dict[Purpose, dict[str, str]]] = {
    "sign_in": {"max_age": str(30 * 86_400)},
    "link": {"prompt": "login"},
    "step_up": {"prompt": "login", "max_age": "0"},
}
"""A `max_age` makes a provider say when somebody showed it who they are."""
NOT_SAID: Final = datetime(1970, 1, 1, tzinfo=UTC)
BUSY: Final = ("server_error", "temporarily_unavailable")


class ProviderDenied(Forbidden):
    """The provider let nobody through: they did not want to, or may not."""


class MailUnverified(Forbidden):
    """The provider does not say that it verified an address of theirs."""


class AddressNotVerified(Forbidden):
    """Nobody has shown that the account's own address is theirs: that comes first."""


class AccountExists(Conflict):
    """Somebody has this address here: sign in as before, and link this identity."""


class IdentityTaken(Conflict):
    """It opens an account already."""


class TooManyIdentities(Conflict):
    """Nobody has so many."""


class LastWayIn(Conflict):
    """Without it nobody could sign in to the account: choose a password first."""


class NoSuchIdentity(NotFound):
    """The caller has none like this."""


async def begin(
    at: Desk, name: str, purpose: Purpose, place: str, who: Present | None = None
) -> OidcStarted:
    """Where a browser goes, and what its cookie holds."""
    drawn = visits.draw()
    provider = at.providers.named(name)
    url = await provider.address(drawn.state, drawn.nonce, drawn.verifier, **ASKED[purpose])
    user_id, session_id = (who.account.id, who.session.id) if who else (None, None)
    async with at.database.transaction() as session:
        await visits.begin(
            session, drawn, name, purpose, place, user_id=user_id, session_id=session_id
        )
    return OidcStarted(url=url, browser=drawn.browser)


async def come_back(at: Desk, name: str, order: OidcReturn) -> OidcArrived:
    """A browser is back: whoever it brings is known now, and let in by nothing but its cookie."""
    provider = at.providers.named(name)
    drawn = Drawn(order.state, order.browser)
    async with at.database.transaction() as session:
        place = await visits.come_back(session, drawn, name)
    provider.check_issuer(await provider.described(), order.iss)
    if order.error in BUSY:
        raise ProviderAway("The provider cannot be asked at the moment.")
    if order.error or order.code is None:
        raise ProviderDenied("The provider let nobody through.")
    shown = await provider.redeem(order.code, drawn.verifier, drawn.nonce)
    shown_at = datetime.fromtimestamp(shown.auth_time, UTC) if shown.auth_time else None
    async with at.database.transaction() as session:
        await visits.note(session, drawn, shown, shown_at)
    return OidcArrived(next=place)


async def sign_in(at: Desk, proof: OidcProof, agent: str) -> TokenView:
    """Begin a session, with a new account where nobody has this identity or its address."""
    token = new_refresh_token()
    asked: UUID | None = None
    try:
        async with at.database.transaction() as session:
            present = await time_of(session)
            visit = await visits.take(session, proof.browser, "sign_in")
            identity = await identities.find(session, visit)
            identity = identity or await _opened(session, visit, present)
            account = await lock_account(session, identity.user_id)
            if account is None or not await identities.use(session, identity.id):
                raise VisitVoid
            asked = identity.id
            both = await check(session, at, account.id, proof.code, present)
            begun = _session_of(account, visit, token, present, both=both, agent=agent)
            session.add(begun)
            standing = await standing_of(session, account.id)
            told = {"session_id": begun.id, "amr": begun.amr, "provider": visit.provider}
            await audit.append(session, "signed_in", account.id, **told)
    except WrongSecondFactor:
        await _missed(at, asked)
        raise
    return told_of(at, begun, token, standing, present)


async def step_up(at: Desk, who: Present, proof: OidcProof) -> TokenView:
    """Who is present has just shown the provider who they are."""
    mine = {"user_id": who.account.id, "session_id": who.session.id}
    asked: UUID | None = None
    try:
        async with at.database.transaction() as session:
            visit = await visits.take(session, proof.browser, "step_up", **mine)
            identity = await identities.find(session, visit)
            await _lock(session, who)
            if identity is None or identity.user_id != who.account.id:
                raise at.providers.named(visit.provider).refused("another identity")
            if not await identities.use(session, identity.id):
                raise VisitVoid
            latest = visit.begun_at - timedelta(seconds=LEEWAY)
            if visit.shown_at is None or visit.shown_at < latest:
                raise at.providers.named(visit.provider).refused("not shown anew")
            asked = identity.id
            view = await renewed(session, at, who, "fed", proof.code)
    except WrongSecondFactor:
        await _missed(at, asked)
        raise
    security.note("stepped_up", who.account.id, session_id=str(who.session.id))
    return view


async def link(at: Desk, who: Present, browser: str) -> Identity:
    """Let who came back sign in as who is present; a letter says so."""
    mine = {"user_id": who.account.id, "session_id": who.session.id}
    present = now()
    async with at.database.transaction() as session:
        visit = await visits.take(session, browser, "link", **mine)
        account = await _lock(session, who)
        if account.verified_at is None:
            raise AddressNotVerified("Verify your address first.")
        if visit.email is None:
            raise MailUnverified("The provider does not vouch for an address.")
        if len(await identities.of_account(session, account.id)) >= identities.MOST:
            raise TooManyIdentities(f"Nobody has more than {identities.MOST} here.")
        added = await identities.add(session, visit, account.id, visit.email, present)
        if added is None:
            raise IdentityTaken("This opens an account already.")
        title = at.providers.named(visit.provider).told.title
        news = at.letters.identity_linked(account.email, title)
        at.mails.put(session, news, until=present + NEWS_HOLD)
        await audit.append(session, "identity_linked", account.id, provider=visit.provider)
    at.mails.wake()
    security.note("identity_linked", who.account.id, provider=visit.provider)
    return added


async def unlink(at: Desk, who: Present, identity_id: UUID) -> None:
    """Let it open the account no more; a letter says so."""
    async with at.database.transaction() as session:
        account = await _lock(session, who)
        mine = await identities.of_account(session, account.id)
        gone = next((each for each in mine if each.id == identity_id), None)
        if gone is None:
            raise NoSuchIdentity("There is no such identity.")
        others = [each for each in mine if each is not gone and at.providers.has(each.issuer)]
        if account.password_hash is None and not others:
            raise LastWayIn("Choose a password first, with 'forgotten password'.")
        await identities.drop(session, gone)
        news = at.letters.identity_unlinked(account.email, gone.provider)
        at.mails.put(session, news, until=now() + NEWS_HOLD)
        await audit.append(session, "identity_unlinked", account.id, provider=gone.provider)
    at.mails.wake()
    security.note("identity_unlinked", who.account.id, provider=gone.provider)


async def _opened(session: AsyncSession, visit: Visit, present: datetime) -> Identity:
    """A new account, for an address that is nobody's here and that the provider vouches for."""
    if visit.email is None:
        raise MailUnverified("The provider does not vouch for an address.")
    account = Account(id=new_id(), email=visit.email, created_at=present, verified_at=present)
    if not await add_account(session, account):
        raise AccountExists("There is an account with this address. Sign in, and link this.")
    added = await identities.add(session, visit, account.id, visit.email, present)
    if added is None:  # who did the same a moment ago
        raise VisitVoid
    await audit.append(session, "account_opened", account.id, provider=visit.provider)
    return added


def _session_of(
    account: Account, visit: Visit, token: str, present: datetime, *, both: bool, agent: str
) -> Session:
    """Its user showed who they are when they showed the provider, where that says when."""
    amr = "fed otp" if both else "fed"
    begun = session_of(account.id, new_id(), token, present, agent=agent, amr=amr)
    begun.auth_time = min(visit.shown_at or NOT_SAID, present)
    return begun


async def _lock(session: AsyncSession, who: Present) -> Account:
    account = await lock_account(session, who.account.id)
    if account is None or await find_running(session, account.id, who.session.id) is None:
        raise SessionEnded("The session has ended.")
    return account


async def _missed(at: Desk, identity_id: UUID | None) -> None:
    async with at.database.transaction() as session:
        user_id = await identities.miss(session, identity_id)
    await note_failure(at, user_id)
