"""Context travels: what is known is in every brief, and what is missing is named (R1.1c, R1.2d)."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from agent_workers.briefs import brief_in
from agent_workers.crews import CREWS
from agent_workers.desk import Agent, MissingInput
from agent_workers.runner import named
from journal_contracts.artifacts import EditorialPlan

from .crewroom import KNOWN, PARTS, Crewroom, a_crewroom, offline
from .test_injections import ASKING, FORMAT, Heard

NEEDS = {
    "preflight": set[str](),
    "onboarding": set[str](),
    "editorial_plan": {"onboarding"},
    "discovery": set[str](),
    "research": set[str](),
    "outline": set[str](),
    "curation": {"outline"},
    "proof": {"onboarding", "outline", "curation"},
    "review": {"outline", "proof"},
    "editing": {"proof"},
    "editing_review": {"outline", "proof"},
    "art_direction": {"onboarding"},
    "illustration": {"art_direction", "proof"},
    "binding": {"art_direction", "proof", "outline"},
    "publishing_pack": {"binding", "proof"},
}
"""What each phase cannot do without."""
BEFORE_THE_PLAN = {"onboarding", "editorial_plan"}
DAYS_2 = {"edition": "journal", "days": [2], "notes": {"day 2": "Mention the kettle."}}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Crewroom:
    return asyncio.run(a_crewroom(tmp_path_factory.mktemp("room")))


def test_every_phase_is_tried() -> None:
    assert NEEDS.keys() == CREWS.keys()


@pytest.mark.parametrize("phase", ASKING)
async def test_what_is_known_is_in_every_brief(phase: str, room: Crewroom) -> None:
    brief = await brief_of(room, phase)

    assert (KNOWN.title, KNOWN.author_style) != (None, None)
    assert brief["theme"] == KNOWN.theme
    assert (brief["title"], brief["subtitle"]) == ("Steady Ground", "Thirty quiet days")
    assert brief["audience"] == KNOWN.audience
    assert brief["author_style"] == KNOWN.author_style.model_dump()
    assert brief["phase"] == phase
    plan = await room.desk("outline").read("editorial_plan", EditorialPlan)
    assert brief["plan"] == plan.model_dump(mode="json")


@pytest.mark.parametrize("phase", ["curation", "editing"])
async def test_notes_reach_the_agent_they_are_for(phase: str, room: Crewroom) -> None:
    order = {**DAYS_2, "notes": ["day 2: too long"]} if phase == "curation" else DAYS_2

    brief = await brief_of(room, phase, **order)

    said = ["day 2: too long"] if phase == "curation" else {"day 2": "Mention the kettle."}
    assert brief["notes"] == said


async def test_insights_reach_the_outline_and_the_days(room: Crewroom) -> None:
    outlined = await brief_of(room, "outline")
    written = await brief_of(room, "curation", **DAYS_2)

    assert all(day["insights"] for day in outlined["days"]["journal"])
    assert all(day["insights"] for day in written["days"])


@pytest.mark.parametrize(
    ("phase", "missing"), [(phase, each) for phase in NEEDS for each in sorted(NEEDS[phase])]
)
async def test_a_missing_input_is_named_with_the_phase(
    phase: str, missing: str, room: Crewroom
) -> None:
    usual = DAYS_2 if phase == "curation" else PARTS.get(phase, [{}])[0]
    order = {**usual, "picture": "journal-cover", **FORMAT}

    with pytest.raises(MissingInput) as lacking:
        await room.lacking(missing).work(phase, offline, **order)

    kind, code, detail, _ = named(lacking.value)
    assert (kind, code) == ("fatal", "missing_input")
    assert f"{phase} needs the result of {missing}" in detail


async def brief_of(room: Crewroom, phase: str, **order: Any) -> dict[str, Any]:
    """The brief of the first question that this phase asks."""
    heard: list[dict[str, Any]] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        heard.append(brief_in(task))
        raise Heard

    usual = PARTS["curation"][2] if phase == "curation" else PARTS.get(phase, [{}])[0]
    with pytest.raises(Heard):
        await room.work(phase, ask, **{**usual, "picture": "journal-cover", **FORMAT, **order})
    return heard[0]
