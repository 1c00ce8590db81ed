"""Where steps are worked: an agent at its desk, its result stored under the step's own key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pydantic import BaseModel

from agent_workers import crewing
from agent_workers.bind import Press
from agent_workers.desk import Agent, Crew, Desk
from agent_workers.gallery import Gallery
from agent_workers.models.attempts import Asker
from agent_workers.models.door import Door
from agent_workers.models.keys import OwnKeys
from agent_workers.models.provider import Messages
from agent_workers.progress import Alive, Progress, StepProgress
from agent_workers.runner import Made, fence_of
from chassis.blobs import Blobs
from journal_contracts.artifacts import Blob
from journal_contracts.commands import RunPhase

WRITER: Final = "content_curator"
WRITING: Final = "curation"
"""The agent and the phase by which a book says who wrote it."""


@dataclass(frozen=True)
class Workshop:
    """What every step works with."""

    crews: Mapping[str, Crew]
    blobs: Blobs
    press: Press
    door: Door
    progress: Progress
    keys: OwnKeys = field(default_factory=OwnKeys)

    async def do(self, step: RunPhase, alive: Alive) -> Made:
        """One step, by its crew; `alive` is told of every sign of life."""
        progress = self.progress.of(step, alive)
        progress.report("started")
        async with self.keys.at_hand(step.user_id, step.journal_id):
            result = await self.crews[step.phase](await self._desk(step, progress))
        document = result.artifact.model_dump_json().encode()
        storing = self.blobs.put(step.artifact_key, document, "application/json")
        progress.report("done")
        return Made(step.artifact_key, result.facts, storing)

    async def _desk(self, step: RunPhase, progress: StepProgress) -> Desk:
        async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
            asker = _asker(step, agent.name)
            progress.report("thinking", agent.name)

            async def answer(messages: Messages, wanted: type[BaseModel]) -> str:
                return await self.door.answer(
                    asker,
                    f"{step.round}{about}",
                    messages,
                    wanted,
                    progress.on_text,
                    repairing=partial(progress.report, "repairing"),
                )

            made = await crewing.perform(agent, task, output, answer)
            progress.report("checking")
            return made

        async def draw(agent: Agent, prompt: str, name: str) -> Blob:
            hang = partial(Gallery(self.blobs, self.press).hang, step, name)
            return await self.door.picture(_asker(step, agent.name), str(step.round), prompt, hang)

        model = await self._model(step)
        return Desk(
            step,
            self.blobs,
            self.press,
            ask=ask,
            draw=draw,
            model=model,
            choices=self.door.choices,
            paints=self.door.paints(step.user_id),
        )

    async def _model(self, step: RunPhase) -> Callable[[], str]:
        """Who wrote the book; where it is not yet written, who will."""
        if step.inputs.get(WRITING):
            writers = ", ".join(await self.door.writers(step.journal_id, WRITING))
            return lambda: writers
        return partial(self.door.model, _asker(step, WRITER))


def _asker(step: RunPhase, agent: str) -> Asker:
    fence = fence_of(step)
    return Asker(fence, agent, step.since, step.models, step.allowance, step.quota)
