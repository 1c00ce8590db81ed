"""A folder of the user's documents, and the passages in it that are nearest to a question.

What is in them is hostile data: files are opened within limits, PDFs in a process that knows no
keys, and their names are only ever compared with what lies in the folder, never made into paths.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from agent_workers.sources.passage import Gathered, Passage
from agent_workers.sources.ranking import nearest
from agent_workers.sources.reading import READERS, Part, Unreadable
from chassis.blobs import Blobs
from journal_contracts import artifacts
from journal_contracts.documents import LARGEST, LARGEST_TOGETHER, MOST, documents_folder

EXCERPT: Final = 160


@dataclass(frozen=True)
class Documents:
    """One user's; `names` are those that were ordered, None is all of them."""

    blobs: Blobs
    user_id: UUID
    names: Sequence[str] | None = None

    async def gather(self, question: str, most: int) -> Gathered:
        """The nearest passages, of every document with any at least one, and what was left out."""
        wanted, skipped = await self._wanted()
        parts: dict[str, list[Part]] = {}
        for name, key in wanted.items():
            try:
                parts[name] = await _read(name, await self.blobs.get(key))
            except Unreadable as why:
                skipped[name] = str(why)
        every = [(name, part) for name, read in parts.items() for part in read]
        found = await asyncio.to_thread(nearest, question, every, most)
        return Gathered(
            tuple(_passage(number, *each) for number, each in enumerate(found, 1)), skipped
        )

    async def _wanted(self) -> tuple[dict[str, str], dict[str, str]]:
        """The key of each document to be read, and why the others are not."""
        folder = documents_folder(self.user_id)
        sizes = {
            key.removeprefix(folder): size for key, size in (await self.blobs.sizes(folder)).items()
        }
        named = list(sizes) if self.names is None else list(dict.fromkeys(self.names))
        wanted: dict[str, str] = {}
        skipped: dict[str, str] = {}
        together = 0
        for name in named:
            size = sizes.get(name)
            if why := _refused(name, size, len(wanted), together):
                skipped[name[:120]] = why
            else:
                wanted[name] = f"{folder}{name}"
                together += size or 0
        return wanted, skipped


def _refused(name: str, size: int | None, so_far: int, together: int) -> str | None:
    if size is None:
        return "is not among your documents"
    if name.rpartition(".")[2].lower() not in READERS:
        return f"is of a kind we cannot read; we read {', '.join(READERS)}"
    if size > LARGEST or together + size > LARGEST_TOGETHER:
        return "is too large"
    return "is one too many" if so_far >= MOST else None


async def _read(name: str, content: bytes) -> list[Part]:
    return await READERS[name.rpartition(".")[2].lower()](content)


def _passage(number: int, name: str, part: Part) -> Passage:
    excerpt = part.text if len(part.text) <= EXCERPT else f"{part.text[:EXCERPT].rstrip()}…"
    origin = artifacts.Source(kind="document", reference=f"{name}, {part.place}", excerpt=excerpt)
    return Passage(f"p{number:02d}", origin, part.text, name, part.place)
