"""The gallery: pictures by models, looked at to their end, then hung under the journal's folder."""

import hashlib
from dataclasses import dataclass

from agent_workers.bind import Press
from agent_workers.models.pictures import Drawn, UnfitPicture
from chassis.blobs import Blobs
from journal_contracts.artifacts import Blob
from journal_contracts.message import StepRef, journal_folder


@dataclass(frozen=True)
class Gallery:
    """Where they hang, and who looks at them first."""

    blobs: Blobs
    press: Press

    async def hang(self, step: StepRef, name: str, drawn: Drawn) -> Blob:
        """Raises `UnfitPicture` for one that would spoil its book."""
        if not await self.press.accepts(drawn.content):
            raise UnfitPicture("The picture cannot be read to its end.")
        _, _, kind = drawn.media_type.partition("/")
        digest = hashlib.sha256(drawn.content).hexdigest()[:12]
        folder = journal_folder(step.user_id, step.journal_id)
        key = f"{folder}/pictures/{name}.{digest}.{kind}"
        return await self.blobs.put(key, drawn.content, drawn.media_type)
