"""What a model wrote is read before it is used, sent back twice at most, and then named (R7.2c)."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from agent_workers.manuscripts import NOTICE
from agent_workers.runner import named
from agent_workers.safety import UnsafeText, until_safe
from agent_workers.safety.texts import faults_in, faults_of
from agent_workers.writer import compose
from journal_contracts.artifacts import EditorialPlan, PublishingPack, Titles
from journal_contracts.product import THEMES_OFFERED, TitleStyle

from .test_writer import ODD, brief

HARMFUL = "You can stop taking your medication now."
BRIEF = {"round": 1, "title": "Write to calm.com"}


class Line(BaseModel):
    """What is asked for."""

    text: str


async def told(*answers: str, **more: Any) -> tuple[Line, list[Mapping[str, Any]], list[str]]:
    """What comes of a model that gives these answers in turn; its briefs, and which they were."""
    briefs: list[Mapping[str, Any]] = []
    which: list[str] = []

    async def once(brief: Mapping[str, Any], about: str) -> Line:
        briefs.append(brief)
        which.append(about)
        return Line(text=answers[len(briefs) - 1])

    return await until_safe(once, {**BRIEF, **more}, "day-3"), briefs, which


async def test_a_safe_answer_is_taken_at_once() -> None:
    answer, briefs, _ = await told("Take a walk.")

    assert (answer.text, len(briefs)) == ("Take a walk.", 1)


async def test_an_unsafe_answer_goes_back_with_what_is_wrong() -> None:
    answer, briefs, which = await told(HARMFUL, "<b>Walk.</b>", "Take a walk.")

    assert answer.text == "Take a walk."
    assert [brief.get("unsafe") for brief in briefs] == [
        None,
        ["text makes a medical claim"],
        ["text holds markup or a placeholder"],
    ]
    assert len(set(which)) == 3, "each is a question of its own, or a kept reply would answer it"
    assert [brief["round"] for brief in briefs] == [1, 2, 3]


async def test_what_stays_unsafe_is_an_error_that_repeats_nothing() -> None:
    with pytest.raises(UnsafeText) as unsafe:
        await told("Write to ann@example.org.", *["Write to ann@example.org."] * 2)

    kind, code, detail, _ = named(unsafe.value)
    assert (kind, code) == ("invalid_output", "unsafe_text")
    assert "holds an e-mail address" in detail
    assert "example.org" not in detail


async def test_the_users_own_title_may_be_quoted() -> None:
    answer, briefs, _ = await told("The full journal is Write to calm.com, for thirty days.")

    assert len(briefs) == 1
    assert "calm.com" in answer.text
    with pytest.raises(UnsafeText):
        await told(*["See calm.com for more."] * 3)


def test_a_plan_may_name_the_harm_it_keeps_away() -> None:
    plan = compose("EditorialPlan", brief("anxiety"))
    plan["avoid"] = [HARMFUL]

    assert list(faults_of(EditorialPlan.model_validate(plan), BRIEF)) == []
    plan["voice"] = HARMFUL
    assert list(faults_of(EditorialPlan.model_validate(plan), BRIEF)) != []
    plan["voice"], plan["avoid"] = "Calm.", ["Writing to ann@example.org"]
    assert list(faults_of(EditorialPlan.model_validate(plan), BRIEF)) != []


def test_the_notice_with_its_crisis_lines_is_no_alarm() -> None:
    assert list(faults_in(NOTICE)) == []


@pytest.mark.parametrize("theme", [*THEMES_OFFERED, *ODD])
def test_nothing_the_offline_writer_gives_besides_books_is_an_alarm(theme: str) -> None:
    order = brief(theme, sample_text=True, books=[], count=25, set=1, already=[])
    for task in ("Welcome", "EditorialPlan", "ResearchDraft", "PublishingPack", "VisualStyle"):
        assert faults(compose(task, order)) == []
    for style in TitleStyle:
        assert faults(compose("Titles", {**order, "title_style": style})) == []


def faults(answer: Mapping[str, Any]) -> list[str]:
    return list(faults_of(_Answer(**answer), BRIEF))


class _Answer(BaseModel, extra="allow"):
    """Any answer."""


@pytest.mark.parametrize(
    ("task", "model"), [("Titles", Titles), ("PublishingPack", PublishingPack)]
)
def test_papers_and_titles_are_read_at_any_depth(task: str, model: type[BaseModel]) -> None:
    order = brief("anxiety", sample_text=True, books=[], set=1, already=[])
    answer = compose(task, order)
    if task == "Titles":
        answer["styled"][4]["subtitle"] = HARMFUL
    else:
        answer["listings"][2]["keywords"][4] = "cures anxiety"

    [fault] = faults_of(model.model_validate(answer), BRIEF)

    assert fault.endswith("makes a medical claim")
