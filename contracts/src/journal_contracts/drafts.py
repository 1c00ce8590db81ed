"""A draft: both books with every edit that was made, as they are read and as they are bound."""

from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import TypeAdapter

from journal_contracts.artifacts import Day, EditedBatch, EditedFrame, Frame, Manuscript

EditedPart = EditedFrame | EditedBatch
EDITED_PART: Final[TypeAdapter[EditedPart]] = TypeAdapter(EditedPart)


def revised(manuscript: Manuscript, days: Iterable[Day], frame: Frame | None = None) -> Manuscript:
    """The next version of a book, with these days and this frame in the place of theirs."""
    changed = {day.day: day for day in days}
    kept = tuple(changed.get(day.day, day) for day in manuscript.days)
    update = {
        "days": kept,
        "frame": frame or manuscript.frame,
        "version": manuscript.version + 1,
    }
    return manuscript.model_copy(update=update)


def with_edits(manuscript: Manuscript, parts: Sequence[EditedPart]) -> Manuscript:
    """A book after the edits among these that are of it; of two of one place the later counts."""
    ours = [part for part in parts if part.edition is manuscript.edition]
    days = [day for part in ours if isinstance(part, EditedBatch) for day in part.days]
    frames = [part.frame for part in ours if isinstance(part, EditedFrame)]
    return revised(manuscript, days, frames[-1] if frames else None) if ours else manuscript
