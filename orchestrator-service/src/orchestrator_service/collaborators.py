"""Whom a journal is shared with: invited by address, and tied to whoever has it and accepts.

The rows are the truth, and what SQL asks. The saga has a copy of its members, so that its events
name who hears them, and a transition sees who may cause it; `settled` says that the copy is right.
A crash in between leaves it to whoever looks next.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.errors import Conflict, NotFound, ServiceError
from chassis.ids import new_id
from journal_contracts.api import HandOver, JournalView
from journal_contracts.product import Share
from journal_contracts.sharing import (
    CollaboratorPage,
    CollaboratorView,
    InvitationPage,
    InvitationView,
    Part,
    ShareOrder,
)
from orchestrator_service import store
from orchestrator_service.decisions import Decisions
from orchestrator_service.engine.transitions import Transitions
from orchestrator_service.happenings import HandedOver, Happening, Shared
from orchestrator_service.ownership import RoleTooSmall, no_such_journal, view_of
from orchestrator_service.people import People
from orchestrator_service.state import Saga

log = structlog.get_logger()

MOST: Final = 20
"""Of one journal: each of its events names them all."""
SETTLE_SECONDS: Final = 2.0
AT_ONCE: Final = 100

WHOLE: Final = {"question": None, "rev": None}
"""What is asked of whom a whole journal is shared with."""
INVITE: Final = text("""
    insert into collaborator (id, journal_id, email, role, question, rev, granted_by)
    values (:id, :journal, lower(:email), :role, :question, :rev, :user)
    on conflict (journal_id, email, coalesce(question, ''), coalesce(rev, 0))
          where removed_at is null
    do update set role = excluded.role, settled = collaborator.user_id is null
    returning id, email, role, question as decision_id, granted_at, accepted_at
""")
COUNT: Final = text("""
    select count(*) from collaborator where journal_id = :journal and removed_at is null
""")
OF_JOURNAL: Final = text("""
    select id, email, role, question as decision_id, granted_at, accepted_at
      from collaborator where journal_id = :journal and removed_at is null order by id
""")
INVITATIONS: Final = text("""
    select c.id, journal_id, theme, role, question as decision_id, granted_at
      from collaborator c join journal j on j.id = journal_id
     where email = lower(:email) and c.user_id is null and j.user_id <> :user
     order by c.id desc limit 100
""")
INVITATION: Final = text("""
    select journal_id, role, question, rev, granted_by from collaborator
     where id = :id and email = lower(:email) and user_id is null and granted_by <> :user
""")
ACCEPT: Final = text("""
    update collaborator set user_id = :user, accepted_at = clock_timestamp(), settled = false
     where id = :id and user_id is null
""")
DECLINE: Final = text("""
    delete from collaborator where id = :id and email = lower(:email) and user_id is null
    returning id
""")
REMOVE: Final = text("""
    update collaborator c set removed_at = clock_timestamp(), settled = false
      from journal j
     where j.id = c.journal_id and c.id = :id and c.journal_id = :journal
       and c.removed_at is null and :user in (j.user_id, c.user_id)
    returning c.id
""")
ROWS: Final = text("""
    select id, user_id, role, question, removed_at is not null as is_gone, granted_by
      from collaborator where journal_id = :journal and user_id is not null order by id
""")
GONE: Final = text(
    "delete from collaborator where journal_id = :journal and removed_at is not null"
)
SETTLED: Final = text("update collaborator set settled = true where journal_id = :journal")
UNSETTLED: Final = text(
    "select distinct journal_id from collaborator where not settled limit :most"
)


class TooManyCollaborators(Conflict):
    """A journal is shared with so many at most."""


class Collaborators:
    """Who may see and do something with somebody else's journal."""

    def __init__(self, database: Database, transitions: Transitions, people: People) -> None:
        self._database = database
        self._transitions = transitions
        self._decisions = Decisions(transitions)
        self._people = people

    # --- the owner ------------------------------------------------------------------------------

    async def share(self, user_id: UUID, journal_id: UUID, order: ShareOrder) -> CollaboratorView:
        """Invite whoever has this address, or give them another role. Nothing says whether there
        is such an account."""
        invited = await self._invite(user_id, journal_id, order.email, order.role)
        await self.settle(journal_id)
        return invited

    async def hand_over(
        self, user_id: UUID, journal_id: UUID, question: str, order: HandOver
    ) -> JournalView:
        """Let somebody else answer an open decision too; by address they are invited to it."""
        if order.to is not None:
            return await self._decisions.hand_over(user_id, journal_id, question, order)
        view = await self._decisions.check_own(user_id, journal_id, question, order.rev)
        await self._invite(
            user_id, journal_id, str(order.email), "decider", question=question, rev=order.rev
        )
        return view

    async def _invite(
        self, user_id: UUID, journal_id: UUID, email: str, role: Part, **asked: Any
    ) -> CollaboratorView:
        told = {"id": new_id(), "journal": journal_id, "email": email, "role": role}
        async with self._database.transaction() as session:
            await _check_owns(session, user_id, journal_id)
            await session.execute(_lock(journal_id))
            row = await session.execute(INVITE, {**WHOLE, **asked, **told, "user": user_id})
            if (await session.scalar(COUNT, {"journal": journal_id}) or 0) > MOST:
                raise TooManyCollaborators(f"A journal is shared with {MOST} people at most.")
            return CollaboratorView.model_validate(dict(row.mappings().one()))

    async def page(self, user_id: UUID, journal_id: UUID) -> CollaboratorPage:
        """Everybody who was invited."""
        async with self._database.transaction() as session:
            await _check_owns(session, user_id, journal_id)
            rows = (await session.execute(OF_JOURNAL, {"journal": journal_id})).mappings()
            items = tuple(CollaboratorView.model_validate(dict(row)) for row in rows)
        return CollaboratorPage(items=items)

    async def remove(self, user_id: UUID, journal_id: UUID, id_: UUID) -> None:
        """Take somebody out, or leave: from the answer on they see nothing of it."""
        async with self._database.transaction() as session:
            await session.execute(_lock(journal_id))
            told = {"id": id_, "journal": journal_id, "user": user_id}
            if await session.scalar(REMOVE, told) is None:
                raise NotFound("There is no such collaborator.")
        await self.settle(journal_id)

    # --- who is invited -------------------------------------------------------------------------

    async def invitations(self, user_id: UUID, token: str) -> InvitationPage:
        """All that wait for whoever holds the token."""
        email = await self._people.address(token)
        async with self._database.transaction() as session:
            rows = await session.execute(INVITATIONS, {"email": email, "user": user_id})
            items = tuple(InvitationView.model_validate(dict(row)) for row in rows.mappings())
        return InvitationPage(items=items)

    async def accept(self, user_id: UUID, token: str, id_: UUID) -> JournalView:
        """Take an invitation: it is tied to this account from now on."""
        email = await self._people.address(token)
        told = {"id": id_, "email": email, "user": user_id}
        async with self._database.transaction() as session:
            row = (await session.execute(INVITATION, told)).mappings().one_or_none()
        if row is None:
            raise NotFound("There is no such invitation.")
        journal_id: UUID = row["journal_id"]
        if row["role"] == "decider":
            order = HandOver(rev=row["rev"], to=user_id)
            await self._decisions.hand_over(row["granted_by"], journal_id, row["question"], order)
        async with self._database.transaction() as session:
            await session.execute(_lock(journal_id))
            await session.execute(ACCEPT, {"id": id_, "user": user_id})
        await self.settle(journal_id)
        if (journal := await self._transitions.row(journal_id)) is None:
            raise no_such_journal()
        return view_of(journal, user_id)

    async def decline(self, user_id: UUID, token: str, id_: UUID) -> None:
        """Let an invitation be gone."""
        email = await self._people.address(token)
        async with self._database.transaction() as session:
            if await session.scalar(DECLINE, {"id": id_, "email": email}) is None:
                raise NotFound("There is no such invitation.")

    # --- the saga's copy ------------------------------------------------------------------------

    async def settle(self, journal_id: UUID) -> None:
        """Let the saga know its members; one at a time, so that the last one has read the last."""
        async with self._database.transaction() as session:
            await session.execute(_lock(journal_id))
            found = await session.execute(ROWS, {"journal": journal_id})
            rows = [dict(row) for row in found.mappings()]
            members: dict[UUID, Share] = {
                row["user_id"]: row["role"]
                for row in rows
                if row["role"] != "decider" and not row["is_gone"]
            }
            await self._transitions.decide(journal_id, lambda saga: _shared(saga, members), "user")
            for row in rows:
                if row["role"] == "decider" and row["is_gone"]:
                    await self._take_back(journal_id, row)
            await session.execute(GONE, {"journal": journal_id})
            await session.execute(SETTLED, {"journal": journal_id})

    async def _take_back(self, journal_id: UUID, row: Mapping[str, Any]) -> None:
        """A decision that somebody held is its owner's alone again, if it is still open."""

        def look(saga: Saga) -> Happening | None:
            asked = saga.questions.get(row["question"])
            holds = asked is not None and asked.also == row["user_id"]
            return HandedOver(row["question"], saga.user_id) if holds else None

        await self._transitions.decide(journal_id, look, "user")

    async def keep_settling(self) -> None:
        """Again and again, finish what a crash left."""
        while True:
            async with self._database.transaction() as session:
                left = (await session.scalars(UNSETTLED, {"most": AT_ONCE})).all()
            for journal_id in left:
                try:
                    await self.settle(journal_id)
                except ServiceError as error:
                    log.warning("members_unsettled", journal_id=str(journal_id), error=error.code)
            await asyncio.sleep(SETTLE_SECONDS)


def _shared(saga: Saga, members: Mapping[UUID, Share]) -> Happening | None:
    return None if saga.members == members else Shared(members)


async def _check_owns(session: AsyncSession, user_id: UUID, journal_id: UUID) -> None:
    row = await store.load_readable(session, journal_id, user_id)
    if row.user_id != user_id:
        raise RoleTooSmall("This journal is shared with you, but not for this.")


def _lock(journal_id: UUID) -> TextClause:
    """One change of a journal's members at a time."""
    return text("select pg_advisory_xact_lock(hashtextextended(:journal, 8))").bindparams(
        journal=str(journal_id)
    )
