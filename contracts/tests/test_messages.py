"""Every message has an example that says what it says, and even the longest fits (R9.1a)."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.catalogue import BY_NAME, CATALOGUE
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.decisions import NOTES_LENGTH, Choice, DecisionView, Option
from journal_contracts.events import DecisionClosed, DecisionRequested, StepFinished
from journal_contracts.message import Message
from journal_contracts.product import BOOKS, Edition, PlanName, batches, picture_ids

CONTRACTS = Path(__file__).parents[1]
LONGEST_MESSAGE = 64 * 1024
STEP = {"journal_id": UUID(int=2**128 - 1), "user_id": UUID(int=2**128 - 1), "attempt": 99}
PUBLIC = {
    "journal_id": UUID(int=2**128 - 1),
    "user_id": UUID(int=2**128 - 1),
    "n": 9_999,
    "at": "2026-03-14T09:26:53.123456Z",
    "percent": 100,
}
FACE = "😀"
"""Four bytes in UTF-8: no character that may be written takes more."""


def example_of(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((CONTRACTS / f"examples/{name}.json").read_text())
    return body


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CONTRACTS / f"schemas/{name}.json").read_text())
    return schema


def days() -> list[str]:
    return [
        f"{book}-days-{b[0]:02d}-{b[-1]:02d}" for book in BOOKS for b in batches(BOOKS[book].days)
    ]


def keys(phase: str, *parts: str) -> tuple[str, ...]:
    steps = [RunPhase(**STEP, phase=phase, part=part, brief=brief()).artifact_key for part in parts]
    return tuple(steps)


def brief() -> Brief:
    return Brief(
        theme=FACE * 200,
        plan=PlanName.COMPREHENSIVE,
        language="deu-DE",
        audience=FACE * 300,
        title=Title(text=FACE * 80, subtitle=FACE * 120),
        author_style=AuthorStyle(label=FACE * 60, line=FACE * 300),
    )


def longest_choice() -> Choice:
    """All 40 notes, of as many characters as they may have together, in four bytes each."""
    length = NOTES_LENGTH // 40 - 60
    return Choice(option="changes", notes={f"{n:02d}{FACE * 58}": FACE * length for n in range(40)})


def longest_revision() -> RunPhase:
    return RunPhase(
        **STEP,
        phase="editing",
        part=days()[0],
        brief=brief(),
        inputs={
            "editorial_plan": keys("editorial_plan", "whole"),
            "proof": keys("proof", "whole"),
            "editing": keys("editing", *days() * 3),
        },
        order={"edition": "journal", "days": [1, 2, 3, 4, 5], "notes": longest_choice().notes},
    )


def longest_binding() -> RunPhase:
    pictures = [name for book in Edition for name in picture_ids(book)]
    inputs = {
        "editing": keys("editing", *days() * 3),
        "illustration": keys("illustration", *pictures),
    }
    return RunPhase(**STEP, phase="binding", brief=brief(), inputs=inputs)


def longest_discovery() -> StepFinished:
    titles = [{"text": FACE * 80, "subtitle": FACE * 120}] * 10
    facts = {"titles": titles, "already": [FACE * 80] * 30}
    return StepFinished(**STEP, phase="discovery", artifact="x" * 200, facts=facts)


def longest_proof() -> StepFinished:
    notes = [f"day 30: {'the warm-up shares 100% with day 29 ' * 3}"] * 15
    order = {"part": days()[0], "edition": "lead_magnet", "days": [1, 2, 3, 4, 5], "notes": notes}
    return StepFinished(**STEP, phase="proof", facts={"again": [order] * 10})


def longest_question() -> DecisionRequested:
    options = [Option(id=f"t{n}", label=FACE * 80, detail=FACE * 120) for n in range(12)]
    decision = DecisionView(
        id="title", rev=3, question=FACE * 200, options=tuple(options), default="t1",
        deadline=PUBLIC["at"],
    )  # fmt: skip
    return DecisionRequested(**PUBLIC, decision=decision)


def longest_answer() -> DecisionClosed:
    return DecisionClosed(
        **PUBLIC, decision_id="draft", rev=3, choice=longest_choice(), chosen_by="user"
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_fits_the_frozen_schema(name: str) -> None:
    schema = schema_of(name)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(example_of(name))


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_shows_every_field_and_is_said_as_it_was_heard(name: str) -> None:
    kind, body = BY_NAME[name].message, example_of(name)

    heard = kind.model_validate(body)

    assert json.loads(heard.model_dump_json()) == body


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_without_a_needed_field_is_no_such_message(name: str) -> None:
    body, schema = example_of(name), schema_of(name)

    for field in schema["required"]:
        less = {key: value for key, value in body.items() if key != field}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, schema)
        with pytest.raises(ValueError, match=field):
            BY_NAME[name].message.model_validate(less)


def test_every_row_of_the_catalogue_has_an_example_and_nothing_else_has() -> None:
    files = {file.stem for file in (CONTRACTS / "examples").glob("*.json")}

    assert files == {entry.name for entry in CATALOGUE}


@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_is_short(name: str) -> None:
    assert len(json.dumps(example_of(name)).encode()) < 4 * 1024


@pytest.mark.parametrize(
    "message",
    [
        longest_revision,
        longest_binding,
        longest_discovery,
        longest_proof,
        longest_question,
        longest_answer,
    ],
)
def test_the_longest_of_its_kind_still_fits(message: Any) -> None:
    said: Message = message()

    assert len(said.model_dump_json().encode()) < LONGEST_MESSAGE
