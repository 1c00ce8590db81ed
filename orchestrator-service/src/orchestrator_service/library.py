"""A user's library: the tags of their journals, and the themes they wrote about."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text

from chassis.database import Database
from chassis.errors import ServiceError
from chassis.ids import new_id
from journal_contracts.api import JournalTags, TagPage, TagView, ThemePage, ThemeView
from journal_contracts.product import THEMES_OFFERED
from journal_contracts.vault import JournalOwner
from orchestrator_service import store

MOST_TAGS: Final = 200
"""Of one user."""
MOST_THEMES: Final = 100
OPEN: Final = ("running", "waiting")
"""States in which somebody works on a journal."""

CLEAR: Final = text("delete from tagged where journal_id = :journal")
NAME: Final = text("""
    insert into tag (id, user_id, name) select * from unnest(
        cast(:ids as uuid[]), array_fill(cast(:user as uuid), array[cardinality(:ids)]),
        cast(:names as text[]))
    on conflict (user_id, name) do nothing
""")
TIE: Final = text("""
    insert into tagged (journal_id, tag_id)
    select :journal, id from tag where user_id = :user and name = any(cast(:names as text[]))
""")
SWEEP: Final = text("""
    delete from tag where user_id = :user
       and not exists (select from tagged where tag_id = tag.id)
""")
COUNT: Final = text("select count(*) from tag where user_id = :user")
OF_JOURNAL: Final = text("""
    select name from tag join tagged on tag_id = tag.id where journal_id = :journal order by name
""")
TAGS: Final = text("""
    select name, count(tagged.journal_id) as journals
      from tag join tagged on tag_id = tag.id where user_id = :user
     group by name order by name
""")
THEMES: Final = text("""
    select min(theme) as theme, count(*) as journals from journal where user_id = :user
     group by lower(theme) order by journals desc, lower(min(theme)) limit :most
""")


class TooManyTags(ServiceError):
    """A user has only so many."""

    status = 409


class Shelf:
    """Everybody's library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owner_of(self, journal_id: UUID) -> JournalOwner | None:
        """Whose a journal is; None where there is none."""
        async with self._database.transaction() as session:
            row = await session.get(store.JournalRow, journal_id)
        if row is None:
            return None
        return JournalOwner(user_id=row.user_id, open=row.status in OPEN)

    async def tag(self, user_id: UUID, journal_id: UUID, names: Sequence[str]) -> JournalTags:
        """Let a journal have just these; a tag that no journal has any more is gone."""
        names = sorted(set(names))
        who = {"user": user_id, "journal": journal_id, "names": names}
        async with self._database.transaction() as session:
            await store.load_of_user(session, journal_id, user_id)
            await session.execute(_lock(user_id))
            await session.execute(CLEAR, {"journal": journal_id})
            if names:
                ids = [new_id() for _ in names]
                await session.execute(NAME, {"ids": ids, "user": user_id, "names": names})
                await session.execute(TIE, who)
            await session.execute(SWEEP, {"user": user_id})
            if (await session.scalar(COUNT, {"user": user_id}) or 0) > MOST_TAGS:
                raise TooManyTags(f"You have {MOST_TAGS} tags already.")
        return JournalTags(tags=tuple(names))

    async def tags_of(self, user_id: UUID, journal_id: UUID) -> JournalTags:
        """Those of one journal."""
        async with self._database.transaction() as session:
            await store.load_of_user(session, journal_id, user_id)
            names = await session.scalars(OF_JOURNAL, {"journal": journal_id})
            return JournalTags(tags=tuple(names))

    async def tags(self, user_id: UUID) -> TagPage:
        """All of a user, by name."""
        rows = await self._rows(TAGS, user=user_id)
        return TagPage(items=tuple(TagView.model_validate(row) for row in rows))

    async def themes(self, user_id: UUID) -> ThemePage:
        """What a user wrote about, the most first, and what is offered."""
        rows = await self._rows(THEMES, user=user_id, most=MOST_THEMES)
        own = tuple(ThemeView.model_validate(row) for row in rows)
        return ThemePage(items=own, offered=THEMES_OFFERED)

    async def _rows(self, query: TextClause, **told: Any) -> list[dict[str, Any]]:
        async with self._database.transaction() as session:
            return [dict(row) for row in (await session.execute(query, told)).mappings()]


def _lock(user_id: UUID) -> TextClause:
    """One change of a user's tags at a time: two at once would tie and sweep each other's."""
    return text("select pg_advisory_xact_lock(hashtextextended(:user, 7))").bindparams(
        user=str(user_id)
    )
