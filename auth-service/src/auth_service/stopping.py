"""What people want to be written to about, and the link by which they stop it (RFC 8058)."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from auth_service.store import Account
from chassis.errors import ServiceError
from chassis.seals import Seal, Unsealable
from journal_contracts.sessions import NoticeWishes


class LinkVoid(ServiceError):
    """We gave out no such link, or sealed it with a secret that we no longer have."""

    status = 410


class NoticeWish(SQLModel, table=True):
    """What somebody chose; without a row they have not chosen, and are written to."""

    __tablename__ = "notice_wish"

    user_id: UUID = Field(primary_key=True, foreign_key="account.id")
    questions: bool = True
    books: bool = True


class Stopping:
    """Links that stop letters and do nothing else: so they hold as long as our secret does."""

    def __init__(self, seal: Seal, public_url: str) -> None:
        self._seal = seal
        self._public_url = public_url

    def link_of(self, user_id: UUID) -> str:
        """Where a mail program says, for its reader, that no more is wanted."""
        token = self._seal.close(user_id.bytes).decode()
        return f"{self._public_url}/v1/auth/notices/stop?token={token}"

    async def stop(self, session: AsyncSession, token: str) -> None:
        """Let nothing be written to whom it was written to; raises `LinkVoid`."""
        try:
            user_id = UUID(bytes=self._seal.open(token.encode()))
        except Unsealable as error:
            raise LinkVoid("This link stops nothing.") from error
        if await session.get(Account, user_id):
            await choose(session, user_id, NoticeWishes(questions=False, books=False))


async def wishes_of(session: AsyncSession, user_id: UUID) -> NoticeWishes:
    """What this user wants."""
    row = await session.scalar(select(NoticeWish).where(col(NoticeWish.user_id) == user_id))
    row = row or NoticeWish(user_id=user_id)
    return NoticeWishes(questions=row.questions, books=row.books)


async def choose(session: AsyncSession, user_id: UUID, wishes: NoticeWishes) -> None:
    """This user wants that from now on."""
    chosen = wishes.model_dump()
    statement = insert(NoticeWish).values(user_id=user_id, **chosen)
    await session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=chosen))
