"""The PDF Builder: chooses the layout and typesets both books."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from agent_workers.bind import PageFormat
from agent_workers.desk import Agent, Desk, Result
from agent_workers.manuscripts import final
from journal_contracts import checks
from journal_contracts.artifacts import (
    BoundBook,
    Editions,
    Illustration,
    Layout,
    Manuscript,
    VisualStyle,
)
from journal_contracts.product import Edition

AGENT: Final = Agent(
    name="pdf_builder",
    role="Typesetter of printed journals",
    goal="Set both books so that they are a pleasure to write in",
    backstory="You learned on paper, and you know that white space is what a journal is for.",
)

TASK: Final = (
    "Choose the layout of both books: `heading_font` and `body_font` that suit the author style, "
    "an `ornament`, and the `picture_shape`."
)
FILES: Final = {Edition.JOURNAL: "journal.pdf", Edition.LEAD_MAGNET: "lead-magnet.pdf"}


@dataclass(frozen=True)
class Look:
    """How both books are to look."""

    layout: Layout
    style: VisualStyle
    page: PageFormat


async def binding(desk: Desk) -> Result:
    """Typeset both books and measure the files."""
    look = Look(
        layout=await desk.ask(AGENT, Layout, TASK, await desk.brief()),
        style=await desk.read("art_direction", VisualStyle),
        page=PageFormat(name=_page_name(desk), pictures=desk.order["pictures"]),
    )
    illustrations = await _illustrations(desk)
    pictures = await _bytes_of(desk, illustrations) if look.page.pictures else {}
    books = [await _bind(desk, book, pictures, look) for book in await final(desk)]
    title = desk.step.brief.title
    assert title is not None  # noqa: S101 - every plan chooses a title before the outline
    return Result(
        Editions(title=title, books=tuple(books), illustrations=tuple(illustrations)),
        {
            "words": {book.edition: book.words for book in books},
            "pictures": dict(Counter(one.painted_by for one in illustrations)),
        },
    )


async def _bind(
    desk: Desk, manuscript: Manuscript, pictures: dict[str, bytes], look: Look
) -> BoundBook:
    prefix = f"{manuscript.edition}-"
    ours = {name: svg for name, svg in pictures.items() if name.startswith(prefix)}
    created = _ordered_at(desk.step.journal_id)
    pdf = await desk.press.print_book(
        manuscript, ours, look.layout, look.style, look.page, created=created
    )
    name = FILES[manuscript.edition]
    key = f"{desk.folder}/editions/{desk.step.attempt}/{name}"
    blob = await desk.blobs.put(key, pdf, "application/pdf")
    measured = await desk.press.measure(pdf)
    return BoundBook(
        edition=manuscript.edition,
        name=name,
        blob=blob,
        pages=measured.pages,
        words=checks.word_count(manuscript),
        figures=measured.figures,
    )


async def _illustrations(desk: Desk) -> list[Illustration]:
    if not desk.has("illustration"):
        return []
    return await desk.read_all("illustration", Illustration)


async def _bytes_of(desk: Desk, illustrations: list[Illustration]) -> dict[str, bytes]:
    contents = await asyncio.gather(*(desk.blobs.get(one.blob.key) for one in illustrations))
    return {one.requirement_id: svg for one, svg in zip(illustrations, contents, strict=True)}


def _page_name(desk: Desk) -> Literal["6x9", "a4", "letter"]:
    name: Literal["6x9", "a4", "letter"] = desk.order["format"]
    return name


def _ordered_at(journal_id: UUID) -> datetime:
    """A UUIDv7 begins with the time in milliseconds: binding again gives the same file."""
    return datetime.fromtimestamp((journal_id.int >> 80) // 1000, UTC)
