"""What a model wrote is read before it is used: harm, personal data, markup. It is sent back."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel

from journal_contracts import checks
from journal_contracts.harms import HARMS, among
from journal_contracts.personal import personal_data_in
from journal_contracts.themes import HARMS as REFUSED

M = TypeVar("M", bound=BaseModel)
log = structlog.get_logger()

REPAIRS: Final = 2
GRAVE: Final = tuple(harm for harm in REFUSED if harm.name in {"minors", "extremism"})
"""What is refused as a theme in these classes has no place in a sentence either."""
WARNINGS: Final = ("avoid", "notes", "summary")
"""Places whose texts name harm to keep the crew from it; nobody prints them."""


class UnsafeText(Exception):
    """The model wrote what may not be printed, however often it was told. Names no passage."""


async def until_safe(
    once: Callable[[Mapping[str, Any], str], Awaitable[M]], brief: Mapping[str, Any], about: str
) -> M:
    """Ask, and where the answer falls ask again with what is wrong with it, at most twice."""
    answer = await once(brief, about)
    for turn in range(1, REPAIRS + 1):
        if not (wrong := list(faults_of(answer, brief))):
            return answer
        log.info("answer_sent_back", phase=brief.get("phase"), wrong=wrong)
        again = {**brief, "round": brief.get("round", 0) + turn, "unsafe": wrong}
        answer = await once(again, f"{about}-safe-{turn}")
    if wrong := list(faults_of(answer, brief)):
        raise UnsafeText(f"The text could not be made safe to print: {'; '.join(wrong[:3])}."[:300])
    return answer


def faults_of(answer: BaseModel, brief: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with which text of an answer; the user's own title may be quoted anywhere."""
    title = str(brief.get("title") or "")
    for place, text in _texts("", answer.model_dump()):
        read = text.replace(title, " ") if len(title) > 2 else text
        faults = _forms(read) if place.startswith(WARNINGS) else faults_in(read)
        yield from (f"{place} {fault}" for fault in faults)


def faults_in(text: str) -> Iterator[str]:
    """What is wrong with a text, each kind once."""
    yield from (harm.means for harm in among((*HARMS, *GRAVE), text))
    yield from _forms(text)


def _forms(text: str) -> Iterator[str]:
    yield from dict.fromkeys(f"holds {means}" for means, _ in personal_data_in(text))
    if not checks.is_plain(text):
        yield "holds markup or a placeholder"


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield place, value
        case Mapping():
            for name, inner in value.items():
                yield from _texts(f"{place}.{name}" if place else str(name), inner)
        case list() | tuple():
            for number, inner in enumerate(value, 1):
                yield from _texts(f"{place} {number}", inner)
