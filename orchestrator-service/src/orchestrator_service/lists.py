"""A user's journals, page by page: which of them, in which order, and where the next page begins.

A cursor is the last card's place in its order, not a count: journals that come meanwhile move
nothing. It says for which list it was given, and fits no other.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Select,
    column,
    func,
    literal,
    select,
    table,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from chassis.errors import ServiceError
from journal_contracts.api import JournalCard, JournalPage, Sort, Status
from journal_contracts.product import PlanName
from orchestrator_service.store import JournalRow

CARD: Final = tuple(
    getattr(JournalRow, name) for name in JournalCard.model_fields if name != "role"
)
MEMBER: Final = table(
    "collaborator", *(column(name) for name in ("journal_id", "user_id", "role", "removed_at"))
)
THEME: Final = func.lower(col(JournalRow.theme))
ID: Final = col(JournalRow.id)
"""UUIDv7: in the order in which journals were ordered."""
TAGGED: Final = text("""
    journal.id in (select journal_id from tagged join tag on tag.id = tag_id
                    where user_id = :owner and name = :tag)
""")


class CursorUnknown(ServiceError):
    """The cursor is none, or of another list."""

    status = 422


@dataclass(frozen=True)
class Wish:
    """Which journals: of these states (any, if none is named), with this text, in this order."""

    statuses: tuple[Status, ...] = ()
    search: str = ""
    sort: Sort = "newest"
    tag: str | None = None

    @property
    def name(self) -> str:
        """Tells lists apart."""
        told = json.dumps([sorted(self.statuses), self.search, self.sort, self.tag])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


EVERYTHING: Final = Wish()


async def page(
    session: AsyncSession, user_id: UUID, wish: Wish, limit: int, cursor: str | None
) -> JournalPage:
    """Up to `limit` of a user's journals, from the cursor on. Raises `CursorUnknown`."""
    rows = (await session.execute(_both(user_id, wish, limit + 1, cursor))).mappings()
    cards = [JournalCard.model_validate({**row, "plan": PlanName(row["plan"])}) for row in rows]
    following = _cursor(wish, cards[limit - 1]) if len(cards) > limit else None
    return JournalPage(items=tuple(cards[:limit]), next=following)


def _both(user_id: UUID, wish: Wish, most: int, cursor: str | None) -> Select[Any]:
    """A user's own, and what others share with them: two lists in one order, each cut short."""
    place = None if cursor is None else _place(wish, cursor)
    own = query(user_id, wish, cursor).add_columns(literal("owner").label("role"))
    shared = _sorted(_wished(_shared_with(user_id), user_id, wish), wish, place)
    halves = (select(half.limit(most).subquery()) for half in (own, shared))
    every = union_all(*halves).subquery("every")
    both = select(every).limit(most)
    match wish.sort:
        case "newest":
            return both.order_by(every.c.id.desc())
        case "oldest":
            return both.order_by(every.c.id)
        case "theme":
            return both.order_by(func.lower(every.c.theme), every.c.id)


def query(user_id: UUID, wish: Wish, cursor: str | None) -> Select[Any]:
    """A user's own that follow the cursor, as one look into an index."""
    place = None if cursor is None else _place(wish, cursor)
    own = select(*CARD).where(col(JournalRow.user_id) == user_id)
    return _sorted(_wished(own, user_id, wish), wish, place)


def _shared_with(user_id: UUID) -> Select[Any]:
    share = MEMBER.c
    return (
        select(*CARD, share.role)
        .join(MEMBER, share.journal_id == col(JournalRow.id))
        .where(share.user_id == user_id, share.removed_at.is_(None), share.role != "decider")
    )


def _wished(wished: Select[Any], user_id: UUID, wish: Wish) -> Select[Any]:
    if wish.statuses:
        wished = wished.where(col(JournalRow.status).in_(wish.statuses))
    if wish.tag is not None:
        wished = wished.where(TAGGED.bindparams(tag=wish.tag, owner=user_id))
    if wish.search:
        words = func.lower(func.concat_ws("\n", col(JournalRow.title), col(JournalRow.theme)))
        wished = wished.where(func.strpos(words, func.lower(wish.search)) > 0)
    return wished


def _sorted(wished: Select[Any], wish: Wish, after: Sequence[Any] | None) -> Select[Any]:
    match wish.sort:
        case "newest":
            wished = wished.order_by(ID.desc())
            return wished if after is None else wished.where(after[0] > ID)
        case "oldest":
            wished = wished.order_by(ID)
            return wished if after is None else wished.where(after[0] < ID)
        case "theme":
            wished = wished.order_by(THEME, ID)
            return wished if after is None else wished.where(tuple_(THEME, ID) > tuple_(*after))


def _cursor(wish: Wish, last: JournalCard) -> str:
    theme = [last.theme] if wish.sort == "theme" else []
    told = json.dumps([wish.name, *theme, last.id.hex], ensure_ascii=False)
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _place(wish: Wish, cursor: str) -> tuple[Any, ...]:
    """What the last card was sorted by; lower case is the database's own."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, *theme, last = json.loads(base64.b64decode(padded, b"-_", validate=True))
        place = (*(func.lower(str(each)) for each in theme), UUID(hex=last))
    except (ValueError, TypeError, AttributeError) as error:
        raise CursorUnknown("There is no such cursor.") from error
    odd = any("\0" in str(each) for each in theme)
    if odd or name != wish.name or len(theme) != (wish.sort == "theme"):
        raise CursorUnknown("This cursor belongs to another list.")
    return place
