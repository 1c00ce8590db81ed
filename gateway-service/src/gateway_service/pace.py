"""How fast a client may talk: a bucket of words that fills again steadily."""

from collections.abc import Callable
from typing import Final

from gateway_service.connection import End
from gateway_service.ends import Ended

WORDS_A_SECOND: Final = 50.0
AT_ONCE: Final = 1_000
TOO_FAST: Final = End(4429, after_ms=5_000)


class Pace:
    """That of one client."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_at = 0.0

    def take(self) -> None:
        """A word is taken up; raises `Ended` where there are too many."""
        now = self._clock()
        self._full_at = max(now, self._full_at) + 1 / WORDS_A_SECOND
        if self._full_at - now > AT_ONCE / WORDS_A_SECOND:
            raise Ended(TOO_FAST)
