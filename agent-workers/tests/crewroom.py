"""A crew at work without a broker or a database: every phase of a journal, on any model."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from agent_workers.briefs import brief_in
from agent_workers.crews import CREWS
from agent_workers.desk import Agent, Ask, Desk, Result
from agent_workers.writer import compose
from chassis.blobs import FolderBlobs
from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.product import BOOKS, Edition, PlanName, batches

JOURNAL, USER = UUID(int=7), UUID(int=8)
PHASES = [phase for phase in CREWS if phase not in {"preflight", "illustration", "binding"}]
"""Those in which a model is asked, or a book is joined."""
NO_PRESS: Any = None
NO_PENCIL: Any = None
KNOWN = Brief(
    theme="Journaling for Anxiety",
    plan=PlanName.STANDARD,
    audience="nurses on night shifts",
    title=Title(text="Steady Ground", subtitle="Thirty quiet days"),
    author_style=AuthorStyle(label="Calm nurse", line="Plain, warm, brief."),
)
PARTS: dict[str, list[dict[str, Any]]] = {
    "discovery": [{"title_style": "inspirational", "set": 1, "already": []}],
    "research": [{"count": 15}],
    "curation": [
        *({"edition": edition, "frame": True} for edition in Edition),
        *(
            {"edition": edition, "days": list(days)}
            for edition in Edition
            for days in batches(BOOKS[edition].days)
        ),
    ],
    "editing": [
        {"edition": "journal", "days": [1, 2, 3, 4, 5], "notes": {}},
        {"edition": "journal", "frame": True, "notes": {}},
    ],
}
"""What a step of a phase is ordered to do."""


async def offline(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
    """The offline writer in the place of CrewAI and the model door."""
    return output.model_validate(compose(output.__name__, brief_in(task)))


def a_desk(step: RunPhase, blobs: Any, ask: Ask = offline) -> Desk:
    """Where nothing can be set or drawn."""
    return Desk(step, blobs, NO_PRESS, ask=ask, draw=NO_PENCIL, model=lambda: "a model")


@dataclass
class Crewroom:
    """One journal's folder, and what its phases have made so far."""

    blobs: FolderBlobs
    brief: Brief = KNOWN
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def work(self, phase: str, ask: Ask = offline, **order: Any) -> Result:
        """One step of a phase, its result kept nowhere."""
        return await CREWS[phase](self.desk(phase, ask, **order))

    def desk(self, phase: str, ask: Ask = offline, **order: Any) -> Desk:
        return a_desk(self.step(phase, **order), self.blobs, ask)

    def step(self, phase: str, **order: Any) -> RunPhase:
        return RunPhase(
            journal_id=JOURNAL, user_id=USER, phase=phase, brief=self.brief,
            inputs=self.inputs, order=order or PARTS.get(phase, [{}])[0],
        )  # fmt: skip

    async def again(self, phase: str, ask: Ask = offline, **order: Any) -> Result:
        """A step of the next round."""
        step = self.step(phase, **order).model_copy(update={"attempt": 2, "round": 1})
        return await CREWS[phase](a_desk(step, self.blobs, ask))

    async def finish(self, phase: str, ask: Ask = offline) -> None:
        """Every part of a phase, kept for the next."""
        keys = []
        for number, order in enumerate(PARTS.get(phase, [{}])):
            result = await self.work(phase, ask, **order)
            keys.append(f"{phase}/{number}.json")
            await self.put(keys[-1], result.artifact)
        self.inputs = {**self.inputs, phase: tuple(keys)}

    async def put(self, key: str, artifact: BaseModel) -> None:
        await self.blobs.put(key, artifact.model_dump_json().encode(), "text/json")

    def lacking(self, *phases: str) -> "Crewroom":
        """The same without what these phases made."""
        left = {phase: keys for phase, keys in self.inputs.items() if phase not in phases}
        return Crewroom(self.blobs, self.brief, left)

    def told(self, **changes: Any) -> "Crewroom":
        """The same for a brief in which something is different."""
        return Crewroom(self.blobs, self.brief.model_copy(update=changes), self.inputs)


async def a_crewroom(folder: Path, brief: Brief = KNOWN) -> Crewroom:
    """A journal as far as its publishing pack, which needs a bound book."""
    room = Crewroom(FolderBlobs(folder), brief)
    for phase in PHASES:
        if phase != "publishing_pack":
            await room.finish(phase)
    bound = {"title": KNOWN.title and KNOWN.title.model_dump(), "books": [BOUND]}
    await room.blobs.put("binding/0.json", _json(bound), "text/json")
    room.inputs = {**room.inputs, "binding": ("binding/0.json",)}
    return room


BOUND = {
    "edition": "journal", "name": "journal-6x9.pdf", "pages": 67, "words": 7_000, "figures": 63,
    "blob": {"key": "a.pdf", "media_type": "application/pdf", "bytes": 1, "sha256": "0" * 64},
}  # fmt: skip


def recording(
    tasks: list[str], then: Callable[..., Awaitable[BaseModel]] = offline
) -> Callable[..., Awaitable[BaseModel]]:
    """A model that notes what it is asked."""

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        tasks.append(task)
        return await then(agent, task, about, output)

    return ask


def _json(value: Mapping[str, Any]) -> bytes:
    import json

    return json.dumps(value).encode()
