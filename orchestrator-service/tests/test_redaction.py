"""What is shown of a dead letter tells an operator everything but what people wrote."""

import json
from typing import Any
from uuid import UUID

import pytest

from orchestrator_service.redaction import journal_in, parsed, redacted, shown

JOURNAL, USER = str(UUID(int=1)), str(UUID(int=2))
COMMAND: dict[str, Any] = {
    "journal_id": JOURNAL,
    "phase": "editing",
    "part": "journal-days-01-05",
    "attempt": 2,
    "brief": {
        "theme": "secret",
        "plan": "standard",
        "language": "en",
        "audience": "My sister",
        "title": {"text": "Secret Pages", "subtitle": ""},
        "title_style": "thought-provoking",
    },
    "inputs": {"proof": [f"users/{USER}/journals/{JOURNAL}/proof/whole.1.json"]},
    "order": {"days": [1, 2], "notes": {"secret": "Less of it", "all": "Softer"}},
    "at": "2026-11-23T09:00:00Z",
    "cost": "0.0123",
    "code": "a secret in the wrong place",
    "Secret key": True,
}


def test_texts_become_their_length_and_the_rest_stays() -> None:
    assert redacted(COMMAND) == {
        "journal_id": JOURNAL,
        "phase": "editing",
        "part": "journal-days-01-05",
        "attempt": 2,
        "brief": {
            "theme": "…(6 characters)",
            "plan": "standard",
            "language": "en",
            "audience": "…(9 characters)",
            "title": {"text": "…(12 characters)", "subtitle": "…(0 characters)"},
            "title_style": "thought-provoking",
        },
        "inputs": COMMAND["inputs"],
        "order": {
            "days": [1, 2],
            "notes": {
                "1: …(6 characters)": "…(10 characters)",
                "2: …(3 characters)": "…(6 characters)",
            },
        },
        "at": "2026-11-23T09:00:00Z",
        "cost": "0.0123",
        "code": "…(27 characters)",
        "11: …(10 characters)": True,
    }
    assert "ecret" not in json.dumps(redacted(COMMAND))


@pytest.mark.parametrize("body", [b"", b"secret", b"\xff\0", b"[1]", b"[" * 100_000])
def test_what_is_no_object_is_not_shown(body: bytes) -> None:
    assert parsed(body) is None
    assert shown(parsed(body)) is None


@pytest.mark.parametrize(
    "body", [b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\u0000", "b": "\\ud800"}', b'{"\\u0000": 1}']
)
def test_what_is_shown_can_be_stored(body: bytes) -> None:
    text = json.dumps(shown(parsed(body)), allow_nan=False)

    assert "\\u0000" not in text
    assert "\\ud800" not in text


def test_what_is_too_deep_to_look_through_is_not_shown() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}

    assert shown(deep) is None


def test_the_journal_is_found_in_the_body_or_the_subject() -> None:
    assert journal_in({"journal_id": JOURNAL}, USER) == UUID(JOURNAL)
    assert journal_in({"journal_id": 7}, USER) == UUID(USER)
    assert journal_in(None, "strange") is None
