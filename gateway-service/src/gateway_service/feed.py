"""A user's feed: what happened, numbered without gaps within an epoch, kept in Redis for a while.

It is never the truth: what is lost begins again under a new epoch, and clients take a snapshot.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisLost

from chassis.ids import new_id

KEPT_ENTRIES: Final = 500
KEPT_SECONDS: Final = 7 * 86_400
JOURNAL_KEPT_SECONDS: Final = 30 * 86_400
"""The place of a journal that waits long for its user is kept longer than what was said of it."""
SCRIPT: Final = (resources.files("gateway_service") / "append.lua").read_text()


@dataclass(frozen=True)
class Position:
    """How far a user's feed goes: `top` is the offset of the last event of this epoch."""

    epoch: str
    top: int


@dataclass(frozen=True)
class Entry:
    """An event in the feed: its offset, and the frame as clients get it."""

    offset: int
    frame: bytes


@dataclass(frozen=True)
class Appended:
    """What became of an event: put into the feed with what waited for it, known, or parked."""

    verdict: Literal["appended", "known", "parked"]
    epoch: str
    awaited: int
    """The `n` its journal goes on with; a parked event waits for all from there on."""
    entries: tuple[Entry, ...]


class Feed:
    """All users' feeds."""

    def __init__(self, redis: Redis, new_epoch: Callable[[], UUID] = new_id) -> None:
        self._redis = redis
        self._new_epoch = new_epoch
        self._append = redis.register_script(SCRIPT)

    async def append(
        self,
        user_id: UUID,
        journal_id: UUID,
        n: int,
        frame: bytes,
        *,
        give_up: bool = False,
        begins: bool = False,
    ) -> Appended:
        """Put event `n` of a journal in its place; early ones wait unless the gap is given up.

        Where it `begins`, nothing before it is this user's.
        """
        verdict, epoch, awaited, *rest = await self._append(
            keys=[_feed(user_id), _history(user_id), f"{_feed(user_id)}:journal:{journal_id}"],
            args=[
                n,
                frame,
                self._new_epoch().hex,
                KEPT_ENTRIES,
                KEPT_SECONDS,
                JOURNAL_KEPT_SECONDS,
                int(give_up),
                int(begins),
            ],
        )
        entries = tuple(map(Entry, map(int, rest[::2]), rest[1::2]))
        return Appended(verdict.decode(), epoch.decode(), int(awaited), entries)

    async def position(self, user_id: UUID) -> Position:
        """Where the user's feed is; a feed that is not there yet begins now."""
        key = _feed(user_id)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(key, "epoch", self._new_epoch().hex)
            pipeline.hmget(key, ["epoch", "top"])
            pipeline.expire(key, KEPT_SECONDS)
            _, (epoch, top), _ = await pipeline.execute()
        return Position(epoch.decode(), int(top or 0))

    async def after(self, user_id: UUID, offset: int, top: int) -> tuple[Entry, ...] | None:
        """Everything from `offset` + 1 to `top`, or None if any of it is no longer there."""
        if not 0 <= top - offset <= KEPT_ENTRIES:
            return None
        if top == offset:
            return ()
        found = await self._redis.xrange(_history(user_id), f"{offset + 1}-0", f"{top}-0")
        rows: Any = found or ()
        entries = tuple(_entry(id_, fields) for id_, fields in rows)
        whole = len(entries) == top - offset and entries[0].offset == offset + 1
        return entries if whole else None

    async def newest(self, user_id: UUID) -> tuple[str, tuple[Entry, ...]]:
        """The epoch, and its last event if there is one."""
        at = await self.position(user_id)
        return at.epoch, await self.after(user_id, max(0, at.top - 1), at.top) or ()

    async def forget(self, user_id: UUID, journal_id: UUID) -> None:
        """Let go of what was said of a journal, but for the end of the feed.

        Whoever missed any of it finds a gap, and takes a snapshot.
        """
        rows: Any = await self._redis.xrange(_history(user_id)) or ()
        frames = ((id_, json.loads(fields[b"frame"])) for id_, fields in rows[:-1])
        doomed = [id_ for id_, frame in frames if frame["journal"] == str(journal_id)]
        if doomed:
            await self._redis.xdel(_history(user_id), *doomed)

    async def ping(self) -> None:
        await self._redis.get("ping")


def connect(url: str) -> Redis:
    """Redis that answers within a second or is taken to be away; it connects when it is used.

    After a restart the connections we kept are dead: one new try, on a new one.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=32,
        timeout=1,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisLost,)),
    )
    return Redis.from_pool(pool)


def _entry(id_: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    return Entry(int(id_.partition(b"-")[0]), fields[b"frame"])


def _feed(user_id: UUID) -> str:
    """In braces, so that all keys of a user lie on one node of a cluster."""
    return f"feed:{{{user_id}}}"


def _history(user_id: UUID) -> str:
    return f"{_feed(user_id)}:history"
