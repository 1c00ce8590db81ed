"""The keys that access tokens are signed with: one is next, one is current, some were.

The next one is published long before it signs, so that nobody meets a key they cannot have fetched.
A key that no longer signs is published until its last token has ended; one that is revoked, for
nobody any more. What is kept of them is sealed with the key the service was started with, which is
the first current one; where that is replaced nothing of before can be read, and nothing holds.

`python -m auth_service rotate-keys` lets the next one sign; `revoke-key KID` is for a leak.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import Column, DateTime, LargeBinary, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from chassis.claims import LONGEST_LIFE
from chassis.database import time_of
from chassis.errors import Conflict
from chassis.identity import new_key
from chassis.ids import new_id
from chassis.seals import Seal, Unsealable

log = structlog.get_logger()

LOCK: Final = 4_607_183
KNOWN_AFTER: Final = timedelta(minutes=2)
"""What is published is kept by others for a minute."""
LAST_TOKEN: Final = timedelta(seconds=LONGEST_LIFE)


class KeyTooNew(Conflict):
    """The next key was published a moment ago; not everybody has it."""


class NoSuchKey(LookupError):
    """No key of this name is published."""


class SigningKey(SQLModel, table=True):
    """One of them; its private half is sealed."""

    __tablename__ = "signing_key"

    kid: str = Field(primary_key=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    current_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    retired_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )
    revoked_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )


@dataclass(frozen=True)
class Ring:
    """The keys of a moment: the one that signs, and all that are published."""

    current: ECKey
    published: tuple[ECKey, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(key.kid) for key in self.published)

    def as_set(self) -> dict[str, Any]:
        """A JWK set, without a secret."""
        return {**KeySet(list(self.published)).as_dict(private=False)}


class Keys:
    """Reads and turns the ring. `first` is the private JWK that the service was started with."""

    def __init__(self, first: str) -> None:
        self._first = ECKey.import_key(json.loads(first))
        if not self._first.is_private or not self._first.kid:
            raise ValueError("the signing key needs its private part and a kid")
        self._seal = self.seal_for("signing keys at rest")

    def seal_for(self, purpose: str) -> Seal:
        """What this service keeps for that purpose is sealed with this."""
        return Seal(self.secret, purpose)

    @property
    def secret(self) -> bytes:
        """The one that all others follow from."""
        return json.dumps(self._first.as_dict(private=True)["d"]).encode()

    async def begin(self, session: AsyncSession) -> Ring:
        """The ring as a service finds it when it starts, made where there is none.

        What was sealed with another key is revoked: that one was replaced because it leaked.
        """
        await self._lock(session)
        for row in await self._all_published(session):
            if not self._reads(row):
                row.revoked_at = await self._now(session)
                log.warning("signing_key_unreadable", audit=True, kid=row.kid)
        await session.flush()
        await self._complete(session)
        ring = await self.ring(session)
        assert ring is not None  # noqa: S101 - it was just completed
        return ring

    async def ring(self, session: AsyncSession) -> Ring | None:
        """What holds now; None where others began to seal with a key that we were not told."""
        rows = await self._published(session)
        keys = {row.kid: self._unsealed(row) for row in rows}
        current = next((row.kid for row in rows if _is_current(row)), None)
        return Ring(keys[current], tuple(keys.values())) if current else None

    async def rotate(self, session: AsyncSession) -> str:
        """Let the next key sign, and publish another; the name of the one that signs now.

        Raises `KeyTooNew`.
        """
        await self._lock(session)
        now = await self._now(session)
        rows = await self._published(session)
        (following,) = filter(_is_next, rows)
        if following.made_at + KNOWN_AFTER > now:
            raise KeyTooNew("The next key was published a moment ago.")
        (current,) = filter(_is_current, rows)
        current.retired_at = now
        await session.flush()
        following.current_at = now
        await session.flush()
        await self._complete(session)
        return following.kid

    async def revoke(self, session: AsyncSession, kid: str) -> None:
        """From now on nothing holds that this key has signed; if it was the current one, the next
        signs, known to everybody or not. Raises `NoSuchKey`."""
        await self._lock(session)
        rows = await self._published(session)
        leaked = next((row for row in rows if row.kid == kid), None)
        if leaked is None:
            raise NoSuchKey(kid)
        leaked.revoked_at = await self._now(session)
        await session.flush()
        await self._complete(session)

    async def _lock(self, session: AsyncSession) -> None:
        """One at a time turns the ring; the others read what became of it."""
        await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})

    async def _now(self, session: AsyncSession) -> datetime:
        found = await time_of(session)
        return found

    async def _complete(self, session: AsyncSession) -> None:
        """A current key and a next one there will be."""
        now = await self._now(session)
        rows = await self._published(session)
        if not any(map(_is_current, rows)):
            following = next(filter(_is_next, rows), None)
            if following is not None:
                following.current_at = now
            else:
                session.add(await self._first_row(session, now))
            await session.flush()
        if not any(map(_is_next, await self._published(session))):
            session.add(self._sealed(new_key(f"key-{new_id()}"), now))
            await session.flush()

    async def _first_row(self, session: AsyncSession, now: datetime) -> SigningKey:
        """The key we were started with, or another where that was used up before."""
        used = await session.get(SigningKey, str(self._first.kid)) is not None
        row = self._sealed(new_key(f"key-{new_id()}") if used else self._first, now)
        row.current_at = now
        return row

    async def _published(self, session: AsyncSession) -> Sequence[SigningKey]:
        """Those of them that can be read."""
        return [row for row in await self._all_published(session) if self._reads(row)]

    async def _all_published(self, session: AsyncSession) -> Sequence[SigningKey]:
        """Those whose tokens may hold, the current one first."""
        statement = (
            select(SigningKey)
            .where(
                col(SigningKey.revoked_at).is_(None),
                col(SigningKey.retired_at).is_(None)
                | (col(SigningKey.retired_at) > func.now() - LAST_TOKEN),
            )
            .order_by(col(SigningKey.current_at).desc().nulls_last(), col(SigningKey.kid))
        )
        return (await session.scalars(statement)).all()

    def _sealed(self, key: ECKey, now: datetime) -> SigningKey:
        private = json.dumps(key.as_dict(private=True)).encode()
        return SigningKey(kid=str(key.kid), sealed=self._seal.close(private), made_at=now)

    def _unsealed(self, row: SigningKey) -> ECKey:
        return ECKey.import_key(json.loads(self._seal.open(row.sealed)))

    def _reads(self, row: SigningKey) -> bool:
        try:
            self._seal.open(row.sealed)
        except Unsealable:
            return False
        return True


def _is_current(row: SigningKey) -> bool:
    return row.current_at is not None and row.retired_at is None


def _is_next(row: SigningKey) -> bool:
    return row.current_at is None and row.retired_at is None
