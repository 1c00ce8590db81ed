"""What a service remembers of tokens: those it has verified, and sessions whose tokens are void."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from chassis.claims import LONGEST_LIFE, Claims
from chassis.errors import Unauthorized, Unavailable

MOST: Final = 4_096
KEPT_SECONDS: Final = LONGEST_LIFE + 60
"""Longer than any token of a revoked session can still hold."""


class SessionEnded(Unauthorized):
    """The token was good, but its session has ended."""


class RevocationsUnknown(Unavailable):
    """This replica does not know yet which sessions were revoked before it began."""


class Verified:
    """Tokens whose signature holds, with what they say; those used longest ago are forgotten."""

    def __init__(self) -> None:
        self._claims: OrderedDict[str, Claims] = OrderedDict()

    def get(self, token: str) -> Claims | None:
        """What a token says, if it was kept and has not expired."""
        claims = self._claims.get(token)
        if claims is None:
            return None
        if claims["exp"] <= time.time():
            del self._claims[token]
            return None
        self._claims.move_to_end(token)
        return claims

    def keep(self, token: str, claims: Claims) -> None:
        self._claims[token] = claims
        if len(self._claims) > MOST:
            self._claims.popitem(last=False)

    def drop_session(self, session_id: UUID) -> None:
        """Forget every token of a session."""
        sid = str(session_id)
        for token in [token for token, said in self._claims.items() if said.get("sid") == sid]:
            del self._claims[token]

    def clear(self) -> None:
        self._claims.clear()


class Revoked:
    """Sessions that ended before their tokens did."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.complete = True
        """False until this replica knows what was revoked before it began to hear."""
        self._clock = clock
        self._until: OrderedDict[UUID, float] = OrderedDict()

    def add(self, session_id: UUID) -> bool:
        """False if it was known. What no token can belong to any more is forgotten on the way."""
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)
        if session_id in self._until:
            return False
        self._until[session_id] = now + KEPT_SECONDS
        return True

    def check(self, session_id: UUID) -> None:
        """Raises `SessionEnded`, or `RevocationsUnknown` where that cannot be told."""
        if session_id in self._until:
            raise SessionEnded("The session has ended.")
        if not self.complete:
            raise RevocationsUnknown("Tokens cannot be checked at the moment.")
