"""How often somebody may ask: buckets that fill again steadily (GCRA), shared by all replicas.

While Redis is away each replica counts for itself, so that a limit is at most as many times as
large as there are replicas; where that would be too much, nobody gets in.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Final

from fastapi import Depends, Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.errors import ServiceError, Unavailable
from chassis.identity import Caller, current_caller

SCRIPT: Final = (resources.files("gateway_service") / "take.lua").read_text()
SECOND: Final = 1_000_000
"""In microseconds, in which buckets count."""
MOST_IN_MEMORY: Final = 10_000


@dataclass(frozen=True)
class Bucket:
    """`holds` tokens, and an empty one is full again after `seconds`."""

    name: str
    holds: int
    seconds: float

    @property
    def every(self) -> int:
        """Microseconds in which a token comes back."""
        return int(self.seconds * SECOND / self.holds)


USER: Final = Bucket("user", 600, 60)
ADDRESS: Final = Bucket("address", 1_200, 60)
"""Many people may share one."""
SIGN_IN: Final = Bucket("sign-in", 300, 600)
"""From one address, whoever it is."""
ACCOUNT: Final = Bucket("account", 30, 600)
"""For one account, from wherever."""

COSTS: Final = {
    ("POST", "/v1/journals"): 20,
    ("GET", "/v1/journals/{journal_id}/artifacts/{name}"): 5,
    ("GET", "/v1/journals/{journal_id}/draft"): 5,
    ("PUT", "/v1/documents/{name}"): 10,
    ("POST", "/v1/journals/{journal_id}/collaborators"): 10,
    ("POST", "/v1/webhooks"): 10,
}
"""What weighs more than a look."""


@dataclass(frozen=True)
class Wish:
    """So many tokens out of somebody's bucket."""

    bucket: Bucket
    whose: str
    tokens: int = 1

    @property
    def key(self) -> str:
        return f"limit:{self.bucket.name}:{self.whose}"


@dataclass(frozen=True)
class Room:
    """What is left where it is narrowest."""

    bucket: Bucket
    left: int
    wait: float = 0.0
    """Seconds until there is room; 0 where there was."""

    def headers(self) -> dict[str, str]:
        """As `RateLimit` fields say it (draft-ietf-httpapi-ratelimit-headers)."""
        name, full = self.bucket.name, math.ceil(self.bucket.seconds)
        again = math.ceil(self.wait or (self.bucket.holds - self.left) * self.bucket.every / SECOND)
        return {
            "RateLimit-Policy": f'"{name}";q={self.bucket.holds};w={full}',
            "RateLimit": f'"{name}";r={self.left};t={again}',
        }


class TooManyRequests(ServiceError):
    """Somebody asks more often than anybody needs to."""

    status = 429

    def __init__(self, room: Room) -> None:
        super().__init__("There were too many requests. Try again later.")
        self.room = room
        self.headers = {"Retry-After": str(max(1, math.ceil(room.wait))), **room.headers()}


class LimitsAway(Unavailable):
    """Nobody can count, and this must be counted."""


class Limits:
    """Everybody's buckets."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(SCRIPT)
        self._here: OrderedDict[str, int] = OrderedDict()

    async def take(self, wishes: Sequence[Wish], *, strictly: bool = False) -> Room:
        """Take all that is wished for, or nothing. Raises `TooManyRequests`, and with `strictly`
        `LimitsAway` where Redis is."""
        asked = [(wish.bucket.every, wish.bucket.holds, wish.tokens) for wish in wishes]
        try:
            keys = [wish.key for wish in wishes]
            wait, *left = await self._take(keys=keys, args=[n for each in asked for n in each])
        except (RedisError, OSError) as error:
            if strictly:
                raise LimitsAway("This cannot be answered at the moment.") from error
            wait, *left = self._take_here(wishes)
        room = _narrowest(wishes, left, wait / SECOND)
        if wait:
            raise TooManyRequests(room)
        return room

    def _take_here(self, wishes: Sequence[Wish]) -> list[int]:
        """The same, for this replica alone."""
        now = time.monotonic_ns() // 1_000
        before = [max(self._here.get(wish.key, 0), now) for wish in wishes]
        pairs = list(zip(wishes, before, strict=True))
        after = [full + wish.bucket.every * wish.tokens for wish, full in pairs]
        wait = max(
            full - wish.bucket.every * wish.bucket.holds - now
            for wish, full in zip(wishes, after, strict=True)
        )
        if wait <= 0:
            for wish, full in zip(wishes, after, strict=True):
                self._here[wish.key] = full
                self._here.move_to_end(wish.key)
            while len(self._here) > MOST_IN_MEMORY:
                self._here.popitem(last=False)
        full_at = after if wait <= 0 else before
        return [max(0, wait)] + [
            wish.bucket.holds - -(-(full - now) // wish.bucket.every)
            for wish, full in zip(wishes, full_at, strict=True)
        ]


def _narrowest(wishes: Sequence[Wish], left: Sequence[int], wait: float) -> Room:
    rooms = [Room(wish.bucket, n, wait) for wish, n in zip(wishes, left, strict=True)]
    return min(rooms, key=lambda room: room.left / room.bucket.holds)


def limits(request: Request) -> Limits:
    found: Limits = request.app.state.limits
    return found


AskedLimits = Annotated[Limits, Depends(limits)]


async def user_has_room(
    request: Request, limits: AskedLimits, caller: Annotated[Caller, Depends(current_caller)]
) -> None:
    """A request counts for who signs it and for where it comes from; some count more."""
    tokens = COSTS.get((request.method, request.scope["route"].path), 1)
    wishes = [
        Wish(USER, str(caller.user_id), tokens),
        Wish(ADDRESS, address_of(request), tokens),
    ]
    request.state.room = await limits.take(wishes)


async def take_room(limits: Limits, request: Request, tokens: int) -> None:
    """Where nobody need be signed in, a request counts for where it comes from alone."""
    request.state.room = await limits.take([Wish(ADDRESS, address_of(request), tokens)])


async def take_room_to_guess(limits: Limits, request: Request, account: str) -> None:
    """Passwords are guessed from many places at one account, or from one place at many."""
    wishes = [Wish(ACCOUNT, account), Wish(SIGN_IN, address_of(request))]
    request.state.room = await limits.take(wishes, strictly=True)


def named_by(email: str) -> str:
    """How an account is counted whose address was typed; the address itself is not kept."""
    return digest_of(email.casefold())


def digest_of(text: str) -> str:
    """What tells two texts apart, and neither of them."""
    return hashlib.sha256(text.encode()).hexdigest()


def address_of(request: Request) -> str:
    """Where a request comes from; behind proxies that are trusted, what the first of them saw."""
    return request.client.host if request.client else "nowhere"
