"""Who reads along: for these journals text is told while it is written, and for no others."""

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from journal_contracts.events import TextWanted
from journal_contracts.message import StepRef

READING_SECONDS: Final = 15.0
"""After the last word of a reader; it is said again every few seconds."""
MOST: Final = 10_000

Clock = Callable[[], float]


class Readers:
    """As this process has heard; only who owns a journal is a reader of it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[UUID, UUID], float] = {}

    async def note(self, wanted: TextWanted) -> None:
        """Somebody reads, or reads on."""
        reader = wanted.journal_id, wanted.user_id
        self._until.pop(reader, None)
        self._until[reader] = self._clock() + READING_SECONDS
        while len(self._until) > MOST or self._until[next(iter(self._until))] < self._clock():
            del self._until[next(iter(self._until))]

    def want(self, step: StepRef) -> bool:
        """Whether the owner of this journal reads it now."""
        return self._until.get((step.journal_id, step.user_id), 0.0) > self._clock()
