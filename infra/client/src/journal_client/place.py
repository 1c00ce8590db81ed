"""Where a listener stands in the feed, and what a frame means there; nothing here waits.

`step` decides, `Overdue` remembers what a ping promised, `understand` reads the wire.
"""

import json
import time
from typing import Any, Final, Literal

from journal_contracts.realtime import (
    Bye,
    Frame,
    Happened,
    Ping,
    Resume,
    Snapshot,
    Welcome,
)

BEHIND: Final = 2.0
"""Seconds an event that a ping told of may still be on its way: control frames jump the queue."""

UNDERSTOOD: Final[dict[str, type[Frame]]] = {
    "welcome": Welcome,
    "snapshot": Snapshot,
    "event": Happened,
    "ping": Ping,
    "bye": Bye,
}

News = Welcome | Snapshot | Happened


Step = Literal["deliver", "drop", "gap"]


def step(place: Resume | None, frame: News) -> tuple[Resume | None, Step]:
    """Where a frame leaves us, and what to do with it. Before the first snapshot nothing counts."""
    match frame:
        case Snapshot():
            return Resume(epoch=frame.epoch, o=frame.o), "deliver"
        case Happened(cls="durable", o=int(o)):
            if place is None or o <= place.o:
                return place, "drop"
            if o > place.o + 1:
                return place, "gap"
            return Resume(epoch=place.epoch, o=o), "deliver"
        case _:
            return place, "deliver"


class Overdue:
    """An event that a ping told of: a little later it has to be here, or it was lost."""

    def __init__(self) -> None:
        self._offset = -1
        self._until = float("inf")

    def promise(self, offset: int) -> None:
        if self._offset < 0:
            self._offset, self._until = offset, time.monotonic() + BEHIND

    def look(self, place: Resume | None) -> None:
        if place and place.o >= self._offset:
            self._offset, self._until = -1, float("inf")

    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())


def understand(text: str | bytes) -> list[Frame]:
    """The frames of a message, one or many; what is not known yet is left out."""
    told: Any = json.loads(text)
    frames = told if isinstance(told, list) else [told]
    return [
        UNDERSTOOD[frame["t"]].model_validate(frame) for frame in frames if frame["t"] in UNDERSTOOD
    ]
