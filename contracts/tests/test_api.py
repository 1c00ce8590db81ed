"""What a client may send: a good order is taken, anything else is refused by name (R9.1a)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journal_contracts.api import Answer, Changes, Credentials, JournalOrder
from journal_contracts.decisions import NOTES_LENGTH, Choice
from journal_contracts.product import PlanName, TitleStyle

NAN = float("nan")


def refused(kind: type[Any], body: dict[str, Any]) -> set[str]:
    """The fields a body is refused for."""
    with pytest.raises(ValidationError) as refusal:
        kind.model_validate(body)
    return {str(error["loc"][0]) for error in refusal.value.errors()}


def test_a_theme_is_all_an_order_needs() -> None:
    order = JournalOrder.model_validate({"theme": "  Journaling for Anxiety "})

    assert order.theme == "Journaling for Anxiety"
    assert (order.plan, order.title_style) == (PlanName.STANDARD, TitleStyle.INSPIRATIONAL)
    assert (order.depth, order.audience, order.language) == (None, None, "en")
    assert order.decisions == {}


def test_a_decision_may_be_answered_in_advance() -> None:
    body = {"theme": "joy", "decisions": {"title": {"option": "own", "text": "Small Joys"}}}

    assert JournalOrder.model_validate(body).decisions["title"].text == "Small Joys"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("theme", ""),
        ("theme", "   "),
        ("theme", "x" * 201),
        ("theme", "x" * 10_000),
        ("theme", None),
        ("theme", 7),
        ("theme", ["joy"]),
        ("theme", "half a \ud800"),
        ("plan", "huge"),
        ("plan", "STANDARD"),
        ("plan", NAN),
        ("title_style", "loud"),
        ("depth", "bottomless"),
        ("depth", NAN),
        ("audience", ""),
        ("audience", "x" * 201),
        ("audience", "two\nlines"),
        ("language", "english"),
        ("language", "EN"),
        ("language", "en\nen"),
        ("decisions", {"tea": {"option": "green"}}),
        ("decisions", {"title": "t1"}),
        ("decisions", {"title": {"option": ""}}),
        ("decisions", {"title": {"option": "own", "mood": "sunny"}}),
        ("decisions", []),
        ("mood", "sunny"),
        ("user_id", "0199f0a2-6c1e-7d4b-9a53-5f0e7c2b8d11"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(field: str, value: Any) -> None:
    assert refused(JournalOrder, {"theme": "joy", field: value}) == {field}


def test_an_order_without_a_theme_is_none() -> None:
    assert refused(JournalOrder, {}) == {"theme"}


@pytest.mark.parametrize("character", ["\0", "\n", "\x85", "\u200b", "\u202e", "\u3164"])
def test_nothing_invisible_gets_in(character: str) -> None:
    text = f"a{character}b"

    assert refused(JournalOrder, {"theme": text}) == {"theme"}
    assert refused(JournalOrder, {"theme": "joy", "audience": text}) == {"audience"}
    assert refused(Changes, {"audience": text}) == {"audience"}
    assert refused(Choice, {"option": "own", "text": text}) == {"text"}
    assert refused(Choice, {"option": text}) == {"option"}
    assert refused(Choice, {"option": "changes", "notes": {text: "x"}}) == {"notes"}


def test_a_note_may_have_lines_but_no_other_control_characters() -> None:
    kept = Choice(option="changes", notes={"day 1": "Warmer.\r\n\tAnd shorter."})

    assert kept.notes["day 1"] == "Warmer.\r\n\tAnd shorter."
    assert refused(Choice, {"option": "changes", "notes": {"day 1": "a\0b"}}) == {"notes"}
    assert refused(Choice, {"option": "changes", "notes": {"day 1": "a\u202eb"}}) == {"notes"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("text", "x" * 121),
        ("option", "x" * 41),
        ("notes", {"x" * 61: "x"}),
        ("notes", {"day 1": ""}),
        ("notes", {"day 1": "x" * 2_001}),
        ("notes", {f"day {n}": "x" for n in range(41)}),
        ("mood", "sunny"),
    ],
)
def test_a_bad_choice_is_refused_by_its_field(field: str, value: Any) -> None:
    assert refused(Choice, {"option": "own", field: value}) == {field}


def test_notes_are_limited_together_too() -> None:
    whole = {f"day {n}": "x" * 1_995 for n in range(NOTES_LENGTH // 2_000)}

    assert Choice(option="changes", notes=whole)
    with pytest.raises(ValidationError, match="longer than 12000"):
        Choice(option="changes", notes={**whole, "": "x"})


@pytest.mark.parametrize("rev", [0, -1, 1.5, NAN, float("inf"), "one"])
def test_an_answer_is_to_a_revision_that_was_asked(rev: Any) -> None:
    assert refused(Answer, {"rev": rev, "choice": {"option": "t1"}}) == {"rev"}


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a b@c.d", "a@b.c\n@d", "x" * 251 + "@b.c"])
def test_what_is_no_address_is_refused(email: str) -> None:
    assert refused(Credentials, {"email": email, "password": "x" * 15}) == {"email"}


def test_a_password_is_taken_as_it_is_and_long_enough() -> None:
    spaces = Credentials(email="a@b.cd", password=" " * 15)

    assert spaces.password == " " * 15
    assert refused(Credentials, {"email": "a@b.cd", "password": "x" * 14}) == {"password"}
    assert refused(Credentials, {"email": "a@b.cd", "password": "x" * 257}) == {"password"}


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=8), st.none() | st.floats() | st.text(max_size=8)))
def test_whatever_is_sent_is_taken_or_refused_but_never_breaks(body: dict[str, Any]) -> None:
    try:
        order = JournalOrder.model_validate(body)
    except ValidationError:
        return

    assert JournalOrder.model_validate(json.loads(order.model_dump_json())) == order
