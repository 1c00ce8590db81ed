"""Harmful themes are refused with a kind sentence; hard ones are what journals are for (R7.2c)."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent_workers.crews import CREWS
from agent_workers.desk import Agent
from agent_workers.runner import named
from agent_workers.safety import ThemeRefused, welcome
from chassis.ids import new_id
from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.product import THEMES_OFFERED, PlanName
from journal_contracts.themes import HARMS, harm_of

from .crewroom import a_desk

onboarding = CREWS["onboarding"]
NO_BLOBS: Any = None
CORPORA = Path(__file__).parent / "corpora"
HARMFUL: dict[str, list[str]] = tomllib.loads((CORPORA / "harmful_themes.toml").read_text())
HARD: list[str] = tomllib.loads((CORPORA / "hard_themes.toml").read_text())["themes"]
HELD_OUT: dict[str, list[str]] = tomllib.loads((CORPORA / "heldout_themes.toml").read_text())


def a_brief(theme: str = "anxiety", **more: Any) -> Brief:
    return Brief(theme=theme, plan=PlanName.STANDARD, **more)


@pytest.mark.parametrize(
    ("harm", "theme"), [(harm, theme) for harm, themes in HARMFUL.items() for theme in themes]
)
def test_a_harmful_theme_is_refused_kindly(harm: str, theme: str) -> None:
    with pytest.raises(ThemeRefused) as refused:
        welcome(a_brief(theme))

    assert harm_of(theme) == harm
    assert str(refused.value).startswith("We ")
    assert "call" in str(refused.value) or "findahelpline.com" in str(refused.value)
    assert len(str(refused.value)) <= 500


@pytest.mark.parametrize("theme", [*THEMES_OFFERED, *HARD])
def test_a_hard_theme_is_welcome(theme: str) -> None:
    assert harm_of(theme) is None


@pytest.mark.parametrize("theme", HELD_OUT["harmful"])
def test_harm_in_other_words_is_refused_too(theme: str) -> None:
    assert harm_of(theme) is not None


@pytest.mark.parametrize("theme", HELD_OUT["fine"])
def test_what_only_sounds_like_harm_is_welcome(theme: str) -> None:
    assert harm_of(theme) is None


def test_every_class_of_harm_is_tried() -> None:
    assert {harm.name for harm in HARMS} == HARMFUL.keys()
    assert sum(len(themes) for themes in HARMFUL.values()) >= 40
    assert len(HARD) >= 60


@pytest.mark.parametrize(
    "words",
    [
        {"audience": "girls who want to starve themselves thin: pro-ana"},
        {"title": Title(text="How to Kill Yourself", subtitle="A guide")},
        {"author_style": AuthorStyle(label="White power", line="Proud.")},
    ],
    ids=["audience", "title", "style"],
)
def test_what_else_a_user_writes_is_read_too(words: dict[str, Any]) -> None:
    with pytest.raises(ThemeRefused):
        welcome(a_brief(**words))


def a_step(theme: str) -> RunPhase:
    known = {"journal_id": new_id(), "user_id": new_id(), "phase": "onboarding"}
    return RunPhase(**known, brief=a_brief(theme))


async def onboarded(theme: str, answer: dict[str, Any]) -> list[str]:
    """Onboarding with a model that answers so; the tasks it was asked."""
    asked: list[str] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        asked.append(task)
        return output.model_validate(answer)

    desk = a_desk(a_step(theme), NO_BLOBS, ask)
    try:
        await onboarding(desk)
    except ThemeRefused as refused:
        return [*asked, str(refused)]
    return asked


STYLES = [{"label": f"Style {number}", "line": "Plain and warm."} for number in range(5)]
WELCOME = {"theme_name": "anxiety", "audience": "adults", "styles": STYLES}


async def test_no_model_is_asked_about_a_harmful_theme() -> None:
    [refusal] = await onboarded("how to kill myself", WELCOME)

    assert "we would like you to stay" in refusal


async def test_a_model_may_refuse_what_no_rule_foresaw() -> None:
    asked, refusal = await onboarded("a code word", {**WELCOME, "refusal": "I cannot help here."})

    assert "a code word" in asked
    assert refusal.startswith("I cannot help here. ")
    assert "findahelpline.com" in refusal


async def test_a_theme_that_nobody_refuses_is_onboarded() -> None:
    assert len(await onboarded("grief after a suicide", WELCOME)) == 1


def test_a_refusal_reaches_the_user_in_words_and_is_not_tried_again() -> None:
    with pytest.raises(ThemeRefused) as refused:
        welcome(a_brief("how to kill myself"))

    kind, code, detail, after = named(refused.value)

    assert (kind, code, after) == ("fatal", "theme_refused", None)
    assert detail == str(refused.value)
