"""The page on which a draft is read; every section has the name that a note on it may use."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from journal_contracts.api import DraftView
from journal_contracts.artifacts import Day, Manuscript
from journal_contracts.product import Edition

PAGE: Final = Template(files(__package__).joinpath("draft.html").read_text(encoding="utf-8"))
BOOKS: Final = {Edition.JOURNAL: "journal", Edition.LEAD_MAGNET: "lead magnet"}
BEFORE: Final = ("intro", "commitment")
AFTER: Final = ("certificate", "closing")


def page_of(draft: DraftView) -> str:
    """A whole page of HTML; all that was written is text in it and nothing else."""
    book = draft.journal
    return PAGE.substitute(
        language=escape(book.language, quote=True),
        title=escape(book.title.text),
        subtitle=escape(book.title.subtitle),
        style=escape(book.author_style.label),
        writer=escape(book.written_by),
        sample=SAMPLE if book.sample_text else "",
        books="\n".join("\n".join(_book(each)) for each in (book, draft.lead_magnet)),
    )


SAMPLE: Final = "<p class=sample>Sample text, written offline.</p>"


def _book(book: Manuscript) -> Iterator[str]:
    name = BOOKS[book.edition]
    yield f"<article id={book.edition}><h2>The {name}</h2>"
    yield _section(f"{name} quote", "", [("quote", book.frame.quote.text)])
    for place in BEFORE:
        yield _section(f"{name} {place}", "", [("text", getattr(book.frame, place))])
    for day in book.days:
        yield _section(f"{name} day {day.day}", day.heading, _of_a_day(day))
    for place in AFTER:
        yield _section(f"{name} {place}", "", [("text", getattr(book.frame, place))])
    yield _section("notice", "", [("text", book.notice)])
    yield "</article>"


def _of_a_day(day: Day) -> list[tuple[str, str]]:
    return [("text", day.warm_up), ("question", day.question)]


def _section(name: str, heading: str, texts: list[tuple[str, str]]) -> str:
    """A section under the name by which notes find it."""
    title = f"<h3>{escape(heading)}</h3>" if heading else ""
    told = "".join(f"<p class={kind}>{escape(text)}</p>" for kind, text in texts)
    return f"<section><p class=name>{escape(name)}</p>{title}{told}</section>"
