"""The crew and the plan are tables: a new agent is one file and one row in each (R1.1a, R1.1b)."""

import importlib.util
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from agent_workers.bind import Press
from agent_workers.briefs import brief_in
from agent_workers.crews import CREWS
from agent_workers.desk import Agent, Crew, Desk
from agent_workers.models.offline import OFFLINE
from agent_workers.writer import compose
from chassis.blobs import FolderBlobs
from journal_contracts.commands import RegisterAssets, RunPhase
from journal_contracts.decisions import Choice
from journal_contracts.events import AssetsRegistered, StepFinished
from journal_contracts.message import StepRef
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service.happenings import Begin, Reply
from orchestrator_service.plan import DEFINITIONS, NEWEST
from orchestrator_service.saga import advance
from orchestrator_service.state import Request, Saga
from orchestrator_service.table import Phase

ONE_FILE = '''
"""Dedication: a line to whom the journal is for."""

from pydantic import BaseModel

from agent_workers.desk import Agent, Desk, Result
from journal_contracts.artifacts import Outline

AGENT = Agent("dedication", "Writer of dedications", "One true line", "You write few words.")
TASK = "Write a dedication of one line."


class Dedication(BaseModel):
    line: str


async def dedication(desk: Desk) -> Result:
    outline = await desk.read("outline", Outline)
    brief = await desk.brief(first_day=outline.journal[0].angle)
    made = await desk.ask(AGENT, Dedication, TASK, brief)
    return Result(made, {"line": made.line})
'''
ONE_ROW = Phase(
    "dedication", "dedication", "writing", needs=("outline",), takes=("editorial_plan", "outline")
)
TABLE = 93
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORDER = Request(
    theme="Journaling for Anxiety",
    plan=PlanName.EXPRESS,
    title_style=TitleStyle.INSPIRATIONAL,
    depth=Depth.LIGHT,
    unattended=True,
    answers={"pictures": Choice(option="none"), "format": Choice(option="6x9-plain")},
)


@dataclass
class House:
    """A saga and a crew without anything between them: every command is done, and answered."""

    crews: Mapping[str, Crew]
    blobs: FolderBlobs
    press: Press
    saga: Saga
    briefs: dict[str, dict[str, Any]]

    async def craft(self) -> None:
        self.saga, said = advance(self.saga, Begin(ORDER, TABLE), NOON)
        commands = deque(each for each in said if isinstance(each, RunPhase | RegisterAssets))
        while commands:
            self.saga, said = advance(self.saga, await self._done(commands.popleft()), NOON)
            commands += [each for each in said if isinstance(each, RunPhase | RegisterAssets)]

    async def _done(self, step: RunPhase | RegisterAssets) -> Reply:
        fence = {name: getattr(step, name) for name in StepRef.model_fields}
        if isinstance(step, RegisterAssets):
            return AssetsRegistered(**fence, assets=())
        desk = Desk(
            step, self.blobs, self.press, ask=self._ask, draw=_no_pencil, model=lambda: OFFLINE
        )
        result = await self.crews[step.phase](desk)
        document = result.artifact.model_dump_json().encode()
        await self.blobs.put(step.artifact_key, document, "application/json")
        return StepFinished(**fence, artifact=step.artifact_key, facts=dict(result.facts))

    async def _ask(self, agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        self.briefs[agent.name] = brief = brief_in(task)
        if agent.name == "dedication":
            return output.model_validate({"line": f"For {brief['audience']}."})
        return output.model_validate(compose(output.__name__, brief))


async def _no_pencil(agent: Agent, prompt: str, name: str) -> Any:
    raise AssertionError("a book without pictures needs none")


@pytest.fixture
def new_agent(tmp_path: Path) -> ModuleType:
    """The one file, imported."""
    file = tmp_path / "dedication.py"
    file.write_text(ONE_FILE)
    spec = importlib.util.spec_from_file_location("dedication", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def house(
    new_agent: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """The product's own tables, each with one row more."""
    table = DEFINITIONS[NEWEST]
    with_it = replace(table, version=TABLE, nodes=(*table.nodes, ONE_ROW))
    monkeypatch.setitem(DEFINITIONS, TABLE, with_it)
    crews = {**CREWS, "dedication": new_agent.dedication}
    saga = Saga(UUID(int=1), UUID(int=2), ORDER, TABLE)
    with Press() as press:
        yield House(crews, FolderBlobs(tmp_path / "blobs"), press, saga, {})


@pytest.mark.timeout(180)
async def test_a_journal_is_crafted_with_an_agent_of_one_file_and_one_row(house: House) -> None:
    await house.craft()

    saga = house.saga
    assert saga.status == "completed", saga.trouble
    assert saga.phases["dedication"].status == "done"
    brief = house.briefs["dedication"]
    assert saga.facts["dedication"] == {"line": f"For {brief['audience']}."}
    assert brief["title"] == saga.facts["discovery"]["titles"][0]["text"]
    assert brief["plan"] is not None
    assert brief["first_day"]
    assert set(saga.facts["binding"]["words"]) == {"journal", "lead_magnet"}
