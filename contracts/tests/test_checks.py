"""Each measured check of a book falls when it is broken, and holds when it is not (domain.md)."""

from collections.abc import Callable
from typing import Any

import pytest

from journal_contracts import checks
from journal_contracts.artifacts import Manuscript
from journal_contracts.product import Edition, Mode

from .books import INSIGHTS, a_book


def day(number: int, **changes: Any) -> Callable[[Manuscript], Manuscript]:
    """A book in which one day is different."""

    def change(book: Manuscript) -> Manuscript:
        days = list(book.days)
        days[number - 1] = days[number - 1].model_copy(update=changes)
        return book.model_copy(update={"days": tuple(days)})

    return change


def frame(**changes: Any) -> Callable[[Manuscript], Manuscript]:
    """A book whose frame is different."""
    return lambda book: book.model_copy(update={"frame": book.frame.model_copy(update=changes)})


def same_as_first(field: str, *days: int) -> Callable[[Manuscript], Manuscript]:
    """A book in which days repeat the first one."""

    def change(book: Manuscript) -> Manuscript:
        for number in days:
            book = day(number, **{field: getattr(book.days[0], field)})(book)
        return book

    return change


def untried(book: checks.Book) -> set[str]:
    """The checks that do not apply to a book."""
    return set(checks.CHECKS) - set(checks.tried(book))


HARD = "Institutional considerations necessitate comprehensive reorganisation of responsibilities. "
BROKEN = {
    "counts": day(2, lines=24),
    "warm_up_words": day(3, warm_up="Too short."),
    "question_words": day(4, question="Why?"),
    "frame_words": frame(intro="Hello."),
    "words_in_all": lambda book: book.model_copy(update={"days": book.days[:3]}),
    "distinct_questions": same_as_first("question", 2),
    "stage_and_mode": day(1, mode=Mode.REFLECT),
    "insight_coverage": day(1, insight_ids=()),
    "clean_text": day(5, warm_up="[insert name here] " * 60),
    "reading_ease": lambda book: book.model_copy(
        update={"days": tuple(d.model_copy(update={"warm_up": HARD * 25}) for d in book.days)}
    ),
    "repeats": same_as_first("warm_up", 2, 3),
    "distinct_warm_ups": same_as_first("warm_up", 2),
    "notice": lambda book: book.model_copy(update={"notice": "Have fun."}),
    "safety": day(6, warm_up="You can stop taking your medication now. " * 28),
    "personal_data": day(5, warm_up="Write to ann@example.org about it. " * 30),
}


def failing(book: Manuscript) -> set[str]:
    return {f.check for f in checks.examine(checks.Book(book, (), frozenset(INSIGHTS)))}


@pytest.mark.parametrize("edition", list(Edition))
def test_a_good_book_holds_every_check(edition: Edition) -> None:
    assert failing(a_book(edition)) == set()


@pytest.mark.parametrize("name", checks.CHECKS)
def test_a_check_falls_when_it_is_broken(name: str) -> None:
    assert name in failing(BROKEN[name](a_book()))


def test_a_finding_names_its_day() -> None:
    found = checks.examine(checks.Book(BROKEN["question_words"](a_book())))

    assert {finding.day for finding in found} == {4}


@pytest.mark.parametrize("left_over", ["<b>bold</b>", "**bold**", "{name}", "[Your goal]", "TODO"])
def test_markup_and_placeholders_are_found(left_over: str) -> None:
    book = a_book()
    text = f"{book.days[0].warm_up} {left_over}"

    assert "clean_text" in failing(day(1, warm_up=text)(book))


def test_the_readers_own_name_and_date_may_stay() -> None:
    assert "[Name]" in a_book().frame.commitment
    assert "clean_text" not in failing(a_book())


def test_checks_that_need_english_say_so() -> None:
    german = a_book().model_copy(update={"language": "de", "notice": "Viel Freude."})

    assert failing(german) == set()
    assert untried(checks.Book(german, insight_ids=frozenset(INSIGHTS))) == checks.ENGLISH_ONLY


def test_a_book_without_research_is_not_held_to_insights() -> None:
    assert untried(checks.Book(a_book())) == {"insight_coverage"}
    assert untried(checks.Book(a_book(), insight_ids=frozenset(INSIGHTS))) == set()


def test_reading_ease_tells_plain_from_hard() -> None:
    assert checks.reading_ease("The cat sat on the mat. It was warm.") > 100
    assert checks.reading_ease(HARD) < 0
