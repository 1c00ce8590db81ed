"""A text hides nothing from its reader, a number is one, an error repeats nothing (R7.2c)."""

import json
import sys
import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from journal_contracts import api, artifacts, decisions, message, operating, realtime
from journal_contracts.api import PhaseView
from journal_contracts.catalogue import CATALOGUE
from journal_contracts.commands import RunPhase
from journal_contracts.values import BLANK, SIGNS, Value, finite, on_lines, on_one_line

HIDDEN = {
    "NUL": "\0",
    "escape": "\x1b",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "soft hyphen": "\xad",
    "zero-width space": "\u200b",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "right-to-left override": "\u202e",
    "isolate": "\u2067",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "interlinear annotation": "\ufff9",
    "tag": "\U000e0041",
    "private use": "\ue000",
    "no character": "\uffff",
    "unassigned": "\u0378",
    "half a pair": "\ud800",
}
HONEST = {
    "german": "Übermut – „süß“",
    "chinese": "感恩日记",
    "korean": "감사 일기",
    "hebrew": "יומן תודה",
    "arabic": "دفتر الامتنان",
    "a number in arabic": "\u0600١٢",
    "persian": "می\u200cخواهم بنویسم",
    "hindi": "क्\u200dष और क्\u200cष",
    "sinhala": "ශ්\u200dරී ලංකා",
    "mongolian": "ᠠ\u180b",
    "an old form of a name": "葛\U000e0100城",
    "an accent of its own": "e\u0301",
    "a heart": "❤\ufe0f",
    "a heart on fire": "❤\ufe0f\u200d🔥",
    "a family": "👩\u200d👩\u200d👧",
    "a colour of skin": "👩🏽\u200d💻",
    "a flag of two letters": "🇩🇪",
    "a flag of two pictures": "🏳\ufe0f\u200d🌈",
    "a key": "1\ufe0f\u20e3",
    "an emoji younger than Python": "\U0001fae8",
    "spaces": "a\u00a0b\u3000c",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("around", ["a{}b", "{}a", "a{}", "म{}म", "❤{}🔥", "١{}١"])
def test_what_cannot_be_seen_is_refused_wherever_it_stands(around: str, character: str) -> None:
    with pytest.raises(ValueError, match="invisible"):
        on_one_line(around.format(character))
    with pytest.raises(ValueError, match="invisible"):
        on_lines(around.format(character))


@pytest.mark.parametrize("character", sorted(BLANK), ids=unicodedata.name)
def test_a_blank_that_is_no_space_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match=f"U\\+{ord(character):04X}"):
        on_one_line(f"a{character}b")


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_honest_text_is_taken_as_it_is(text: str) -> None:
    assert on_one_line(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "pay\u200dpal", "pay\u200cpal", "a \u200d b", "می\u200c", "می\u200c\u200cخ", "،\u200cخ",
        "❤\u200d", "❤\u200c🔥", "❤\u200d \u200d", "\u200d", "\ufe0f", "a \ufe0f", "❤\ufe0f\ufe0f",
        "a\U000e0100\U000e0101",
    ],
    ids=ascii,
)  # fmt: skip
def test_joiners_and_selectors_are_refused_where_they_change_nothing_to_see(text: str) -> None:
    with pytest.raises(ValueError, match="invisible"):
        on_one_line(text)


@given(st.characters(exclude_categories=("C", "Z"), exclude_characters="".join(BLANK)))
def test_a_text_may_be_in_any_script(character: str) -> None:
    assert on_one_line(f"a{character}b") == f"a{character}b"


def test_no_format_character_stands_between_latin_letters() -> None:
    characters = (chr(point) for point in range(sys.maxunicode + 1))
    formats = {char for char in characters if unicodedata.category(char) == "Cf"}

    assert {char for char in formats if taken(f"a{char}b")} == SIGNS


def test_lines_end_where_lines_are_allowed_and_nowhere_else() -> None:
    assert on_lines("one\r\n\ttwo") == "one\r\n\ttwo"
    for end in "\r\n\t":
        assert not taken(f"one{end}two")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_is_finite_at_any_depth(number: str) -> None:
    step = {"journal_id": str(UUID(int=1)), "user_id": str(UUID(int=2)), "phase": "curation"}
    brief = {"theme": "joy", "plan": "express"}
    body = json.dumps({**step, "brief": brief, "order": {"days": [1, {"ease": "?"}]}})

    assert RunPhase.model_validate_json(body)
    with pytest.raises(ValidationError, match="finite"):
        RunPhase.model_validate_json(body.replace('"?"', number))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_that_is_none_is_shown(number: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        PhaseView(name="a", agent="b", status="done", done=1, parts=1, seconds=number)


@given(st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_what_is_finite_stays_as_it_is(value: object) -> None:
    assert finite(value) is value


def test_every_shape_that_travels_is_such_a_value() -> None:
    homes = (api, artifacts, decisions, message, operating, realtime)
    shapes = {
        shape
        for home in homes
        for shape in vars(home).values()
        if isinstance(shape, type) and issubclass(shape, BaseModel)
    }

    assert [shape for shape in shapes if not issubclass(shape, Value)] == []
    assert all(issubclass(entry.message, Value) for entry in CATALOGUE)


def test_an_error_does_not_repeat_what_it_found() -> None:
    with pytest.raises(ValidationError) as refusal:
        RunPhase.model_validate({"journal_id": "canary", "phase": ["canary"]})

    assert "canary" not in str(refusal.value)


def taken(text: str) -> bool:
    try:
        on_one_line(text)
    except ValueError:
        return False
    return True
