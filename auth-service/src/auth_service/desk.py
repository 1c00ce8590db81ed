"""What the routes work with, and who stands before them."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.checkpoints import Checkpoints
from auth_service.envelopes import Envelopes
from auth_service.grants import Orchestrator
from auth_service.keys import Keys, Ring
from auth_service.letters import Letters
from auth_service.passwords import Passwords
from auth_service.providers import Providers
from auth_service.sessions import Session, find_running
from auth_service.stopping import Stopping
from auth_service.store import Account
from auth_service.tokens import Tokens
from chassis.database import Database
from chassis.identity import CurrentCaller, check_recent
from chassis.mail import Mails
from chassis.outbox import Outbox
from chassis.remembered import SessionEnded
from chassis.seals import Seal

LONGEST_AGENT = 200


@dataclass(frozen=True)
class Desk:
    """What the routes work with."""

    database: Database
    passwords: Passwords
    keys: Keys
    tokens: Tokens
    outbox: Outbox
    seal: Seal
    """For the secrets of authenticators."""
    mails: Mails
    letters: Letters
    stopping: Stopping
    envelopes: Envelopes
    """For keys to providers."""
    orchestrator: Orchestrator
    checkpoints: Checkpoints
    providers: Providers
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody has left: their erasure is to be followed."""

    async def read_ring(self, session: AsyncSession) -> Ring:
        """The keys that hold at this moment; what is signed from now on is signed with these."""
        self.tokens.ring = await self.keys.ring(session) or self.tokens.ring
        return self.tokens.ring


def desk(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


AtDesk = Annotated[Desk, Depends(desk)]


@dataclass(frozen=True)
class Present:
    """Somebody whose session runs: here the row is asked, and no token is believed without it."""

    account: Account
    session: Session


async def present(caller: CurrentCaller, at: AtDesk) -> Present:
    """A FastAPI dependency: who is signed in, or 401."""
    async with at.database.transaction() as session:
        running = await find_running(session, caller.user_id, caller.session_id)
        account = await session.get(Account, caller.user_id) if running else None
    if running is None or account is None:
        raise SessionEnded("The session has ended.")
    return Present(account, running)


WhoIsPresent = Annotated[Present, Depends(present)]


async def shown(who: WhoIsPresent) -> Present:
    """The same, if they have shown in these last minutes who they are; or 401 `step_up_needed`."""
    check_recent(who.session.auth_time.timestamp())
    return who


WhoHasShown = Annotated[Present, Depends(shown)]


def agent(request: Request) -> str:
    """What the caller's program calls itself, as far as one can print it."""
    said = request.headers.get("user-agent", "")
    return "".join(filter(str.isprintable, said))[:LONGEST_AGENT]


Agent = Annotated[str, Depends(agent)]
