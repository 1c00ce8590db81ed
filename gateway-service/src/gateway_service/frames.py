"""Frames of `jcc.rt.v1` as they go over the wire."""

from typing import Literal

from chassis.ids import new_id, now
from journal_contracts.events import ProgressReported, TextWritten
from journal_contracts.realtime import Frame, Happened


def text(frame: Frame) -> bytes:
    """A frame, written down."""
    return frame.model_dump_json(exclude_none=True, by_alias=True).encode()


def passing(
    cls: Literal["latest", "token"], word: ProgressReported | TextWritten, key: str
) -> bytes:
    """What is worth something now and kept nowhere: it has no offset."""
    frame = Happened(
        cls=cls,
        type=word.name,
        id=str(new_id()),
        at=now(),
        journal=word.journal_id,
        key=key,
        data=word.model_dump(mode="json"),
    )
    return text(frame)
