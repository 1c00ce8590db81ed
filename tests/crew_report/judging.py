"""What a crafted journal is held to, and the row it gets; pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from journal_contracts import checks
from journal_contracts.api import AssetView, JournalView
from journal_contracts.artifacts import Finding
from journal_contracts.product import BOOKS, Edition


@dataclass(frozen=True)
class Bound:
    """One book: the manuscript that was bound, and the file as it stands on the shelf."""

    book: checks.Book
    file: AssetView

    @property
    def edition(self) -> Edition:
        return self.book.manuscript.edition


@dataclass(frozen=True)
class Crafted:
    """A journal that came to its end; without books where it was given up.

    `calls` are all calls to a model, `steps` the attempts at a step that made one: every step has
    one question, so the difference was asked again.
    """

    model: str
    view: JournalView
    bound: tuple[Bound, ...] = ()
    calls: int = 0
    steps: int = 0
    reviews: int = 0


Fault = tuple[Edition | None, Finding]


def row_of(crafted: Crafted) -> dict[str, Any]:
    """The journal as the report has it: each check tried and held by so many of its books."""
    view = crafted.view
    tried = [name for bound in crafted.bound for name in _tried(bound)]
    fell = {(edition, finding.check) for edition, finding in faults_of(crafted)}
    failed = [name for _, name in fell]
    return {
        "theme": view.theme,
        "plan": str(view.plan),
        "model": crafted.model,
        "checks": {
            name: {"tried": tried.count(name), "held": tried.count(name) - failed.count(name)}
            for name in dict.fromkeys(tried)
        },
        "calls": view.usage.calls,
        "tokens": view.usage.tokens_in + view.usage.tokens_out,
        "cost": None if view.usage.cost is None else float(view.usage.cost),
        "repairs": crafted.calls - crafted.steps,
        "reviews": crafted.reviews,
        "seconds": round((view.updated_at - view.created_at).total_seconds(), 1),
    }


def faults_of(crafted: Crafted) -> list[Fault]:
    """Everything that does not hold, with the book it was found in."""
    if len(crafted.bound) != len(Edition):
        trouble = crafted.view.trouble
        detail = f"{len(crafted.bound)} books; {crafted.view.status}: {trouble and trouble.detail}"
        return [(None, Finding(check="crafted", detail=detail))]
    return [(bound.edition, finding) for bound in crafted.bound for finding in _findings(bound)]


def told(crafted: Crafted, fault: Fault) -> str:
    """A finding as a line."""
    edition, finding = fault
    view, day = crafted.view, f"day {finding.day}" if finding.day else "whole"
    place = (crafted.model, view.theme, str(view.plan), edition or "both", day, finding.check)
    return f"{', '.join(place)}: {finding.detail}"


def _tried(bound: Bound) -> Sequence[str]:
    return (*checks.tried(bound.book), *OF_THE_FILE)


def _findings(bound: Bound) -> Iterator[Finding]:
    yield from checks.examine(bound.book)
    for name, measure in OF_THE_FILE.items():
        is_so, wanted = measure(bound)
        if is_so != wanted:
            yield Finding(check=name, detail=f"{is_so} in the file, wanted {wanted}")


OF_THE_FILE: Final[dict[str, Callable[[Bound], tuple[int | None, int]]]] = {
    "pages": lambda bound: (bound.file.pages, BOOKS[bound.edition].pages),
    "figures": lambda bound: (bound.file.figures, BOOKS[bound.edition].pictures),
    "words_bound": lambda bound: (bound.file.words, checks.word_count(bound.book.manuscript)),
}
"""Measured on the finished PDF; the last shows that what was examined is what was bound."""
