"""Where steps are worked: an agent at its desk, its result stored under the step's own key."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from agent_workers import crewing
from agent_workers.bind import Press
from agent_workers.desk import Agent, Crew, Desk
from agent_workers.models.door import Door
from agent_workers.models.ledger import Asker
from agent_workers.models.provider import Messages
from agent_workers.progress import Progress
from agent_workers.runner import Made, fence_of
from chassis.blobs import Blobs
from journal_contracts.commands import RunPhase


@dataclass(frozen=True)
class Workshop:
    """What every step works with."""

    crews: Mapping[str, Crew]
    blobs: Blobs
    press: Press
    door: Door
    progress: Progress

    async def do(self, step: RunPhase) -> Made:
        """One step, by its crew."""
        result = await self.crews[step.phase](self._desk(step))
        document = result.artifact.model_dump_json().encode()
        await self.blobs.put(step.artifact_key, document, "application/json")
        return Made(step.artifact_key, result.facts)

    def _desk(self, step: RunPhase) -> Desk:
        async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
            asker = Asker(fence_of(step), agent.name, step.since)
            progress = self.progress.of(step, agent.name)
            await progress.report("thinking")

            async def answer(messages: Messages, wanted: type[BaseModel]) -> str:
                question = f"{step.round}{about}"
                return await self.door.answer(asker, question, messages, wanted, progress.on_text)

            made = await crewing.perform(agent, task, output, answer)
            await progress.report("checking")
            return made

        return Desk(step, self.blobs, self.press, ask, self.door.model)
