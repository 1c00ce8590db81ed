"""A decision as text, and the text that answers it."""

from datetime import UTC, datetime

import pytest

from journal_contracts.decisions import Choice, DecisionView, Option
from journalcraft.asking import (
    NotAnAnswer,
    default_of,
    lines_of,
    read_answer,
    read_notes,
)


def title(*, own: bool = True) -> DecisionView:
    options = (
        Option(id="t1", label="Calm Pages", detail="Thirty days"),
        Option(id="t2", label="Quiet Mind"),
        *((Option(id="own", label="Your own title"),) if own else ()),
    )
    return DecisionView(
        id="title",
        rev=1,
        question="Which title?",
        options=options,
        default="t2",
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
    )


def test_options_are_numbered_and_the_default_is_marked() -> None:
    assert lines_of(title()) == [
        "Which title?",
        "    1  Calm Pages - Thirty days",
        " *  2  Quiet Mind",
        "    3  Your own title",
        "A number from 1 to 3, or text of your own. Enter alone takes 2.",
    ]


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("1", Choice(option="t1")),
        (" t1 ", Choice(option="t1")),
        ("", Choice(option="t2")),
        ("  A Title of Mine ", Choice(option="own", text="A Title of Mine")),
    ],
)
def test_an_answer_is_a_number_a_name_nothing_or_own_text(typed: str, choice: Choice) -> None:
    assert read_answer(title(), typed) == choice


@pytest.mark.parametrize("typed", ["4", "0", "own", "3", "x" * 121])
def test_what_is_none_of_these_is_asked_again(typed: str) -> None:
    with pytest.raises(NotAnAnswer):
        read_answer(title(), typed)


def test_own_text_is_not_taken_where_it_is_not_offered() -> None:
    with pytest.raises(NotAnAnswer, match="A number from 1 to 2"):
        read_answer(title(own=False), "A Title of Mine")


def test_nobody_there_means_the_default() -> None:
    assert default_of(title()) == Choice(option="t2")


def test_notes_are_read_by_section() -> None:
    notes = read_notes(["day 3: shorter", "more warmth", "day 3: and kinder"]).notes

    assert notes == {"day 3": "shorter and kinder", "all": "more warmth"}
