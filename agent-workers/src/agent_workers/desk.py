"""An agent's desk for one step: what it was told, what lies on it, how it asks its model."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from agent_workers.bind import Press
from agent_workers.briefs import task_text
from agent_workers.safety import until_safe, welcome
from chassis.blobs import Blobs
from journal_contracts.artifacts import Blob, EditorialPlan
from journal_contracts.commands import RunPhase
from journal_contracts.message import journal_folder

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Agent:
    """Who works: what CrewAI is told of the role."""

    name: str
    role: str
    goal: str
    backstory: str


@dataclass(frozen=True)
class Result:
    """What a step made: the artifact that is stored, and the little the saga is told."""

    artifact: BaseModel
    facts: Mapping[str, Any] = field(default_factory=dict)


class MissingInput(Exception):
    """The step lacks something it rests on; an empty result never travels on silently."""


class InvalidOutput(Exception):
    """The model did not give what was ordered, however often it was told."""


Ask = Callable[[Agent, str, str, type[BaseModel]], Awaitable[BaseModel]]
"""Agent, task, which of the step's questions, wanted output -> the output, by CrewAI."""

Draw = Callable[[Agent, str, str], Awaitable[Blob]]
"""Agent, what the picture shows, its name -> the picture by a model, stored."""

Crew = Callable[["Desk"], Awaitable[Result]]
"""One phase of one agent."""


class Desk:
    """Everything an agent needs for one step, and nothing of any other."""

    def __init__(
        self,
        step: RunPhase,
        blobs: Blobs,
        press: Press,
        *,
        ask: Ask,
        draw: Draw,
        model: Callable[[], str],
        choices: tuple[str, ...] = (),
        paints: bool = False,
    ) -> None:
        self.step = step
        self.blobs = blobs
        self.press = press
        self.draw = draw
        self.choices = choices
        """The choices of models there are besides the house's own, by name."""
        self.paints = paints
        """Whether a model can be asked for pictures."""
        self._ask = ask
        self._model = model

    @property
    def model(self) -> str:
        """Who wrote the book, or will; several names where several did."""
        return self._model()

    @property
    def order(self) -> dict[str, Any]:
        """What this step in particular is to do."""
        return self.step.order

    @property
    def folder(self) -> str:
        """The prefix of everything this journal keeps."""
        return journal_folder(self.step.user_id, self.step.journal_id)

    def has(self, phase: str) -> bool:
        """Whether an earlier phase made anything: research may not be part of the plan."""
        return bool(self.step.inputs.get(phase))

    async def read(self, phase: str, artifact: type[M]) -> M:
        """The one result of an earlier phase."""
        return (await self.read_all(phase, artifact))[-1]

    async def read_all(self, phase: str, artifact: type[M]) -> list[M]:
        """All results of an earlier phase, earlier rounds first."""
        keys = self.keys_of(phase)
        return [artifact.model_validate_json(await self.blobs.get(key)) for key in keys]

    def keys_of(self, phase: str) -> tuple[str, ...]:
        """Where the results of an earlier phase lie."""
        keys = self.step.inputs.get(phase, ())
        if not keys:
            raise MissingInput(f"{self.step.phase} needs the result of {phase}, and there is none.")
        return keys

    async def brief(self, **extra: Any) -> dict[str, Any]:
        """What every agent sees: the request, unless it is refused, the choices made, the plan."""
        known = self.step.brief
        welcome(known)
        has_plan = self.has("editorial_plan")
        plan = await self.read("editorial_plan", EditorialPlan) if has_plan else None
        return {
            "seed": str(self.step.journal_id),
            "phase": self.step.phase,
            "theme": known.theme,
            "title": known.title.text if known.title else "",
            "subtitle": known.title.subtitle if known.title else "",
            "audience": known.audience,
            "author_style": known.author_style.model_dump() if known.author_style else None,
            "language": known.language,
            "plan": plan.model_dump(mode="json") if plan else None,
            "round": self.step.round,
            **extra,
        }

    async def ask(
        self,
        agent: Agent,
        output: type[M],
        instructions: str,
        brief: Mapping[str, Any],
        *,
        about: str = "",
    ) -> M:
        """Let the agent do a task on its model; `about` names which of several it is."""

        async def once(told: Mapping[str, Any], which: str) -> M:
            answer = await self._ask(agent, task_text(instructions, told), which, output)
            assert isinstance(answer, output)  # noqa: S101 - the door has validated it
            return answer

        return await until_safe(once, brief, about)

    async def ask_until(
        self,
        agent: Agent,
        output: type[M],
        instructions: str,
        brief: Mapping[str, Any],
        complaints: Callable[[M], Sequence[str]],
    ) -> M:
        """Ask, and ask again with what was wrong, at most twice; then take what there is."""
        answer = await self.ask(agent, output, instructions, brief)
        for turn in (1, 2):
            if not (wrong := complaints(answer)):
                break
            again = {**brief, "round": brief["round"] + turn, "notes": list(wrong)}
            answer = await self.ask(agent, output, instructions, again, about=f"again-{turn}")
        return answer
