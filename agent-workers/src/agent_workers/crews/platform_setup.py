"""Platform Setup: the preflight before any money is spent, and the publishing pack at the end."""

import time
from importlib import resources
from typing import Final

from agent_workers.desk import Agent, Desk, Result
from agent_workers.models.offline import OFFLINE
from chassis.ids import new_id
from journal_contracts.artifacts import Editions, Manuscripts, Preflight, PublishingPack

AGENT: Final = Agent(
    name="platform_setup",
    role="Publishing assistant for independent authors",
    goal="Make sure the work can be done, and that the finished book can be sold",
    backstory="You have listed hundreds of books, and you know what each shop asks for.",
)

TASK: Final = (
    "Write the publishing pack: for each of the shops kdp, etsy and gumroad a listing with "
    "headline, honest description, 5 to 13 keywords, 1 to 3 categories and a price hint; a "
    "declaration that text and pictures were made with AI, as the shops ask for it; and a "
    "checklist of what the author still has to do by hand. If `sample_text` is true, say that the "
    "text is a sample."
)


FONTS: Final = resources.files("agent_workers.bind") / "fonts"


async def preflight(desk: Desk) -> Result:
    """Measure what the journal will need: a place to write, fonts to set it in, a model to ask."""
    began = time.monotonic()
    key = f"{desk.folder}/preflight/probe"
    probe = await desk.blobs.put(key, str(new_id()).encode(), "text/plain")
    stored = await desk.blobs.get(probe.key)
    report = Preflight(
        model=desk.model,
        storage_writable=len(stored) == probe.bytes,
        fonts=tuple(sorted(f.name for f in FONTS.iterdir() if f.name.endswith(".ttf"))),
        seconds=time.monotonic() - began,
    )
    told = {"model": desk.model, "sample_text": desk.model == OFFLINE}
    offered = {"models": list(desk.choices), "pictures": ["generated"] * desk.paints}
    return Result(report, told | {name: each for name, each in offered.items() if each})


async def publishing_pack(desk: Desk) -> Result:
    """Write everything a shop asks for besides the book."""
    editions = await desk.read("binding", Editions)
    manuscripts = await desk.read("proof", Manuscripts)
    books = [book.model_dump(include={"edition", "pages", "words"}) for book in editions.books]
    brief = await desk.brief(sample_text=manuscripts.journal.sample_text, books=books)
    return Result(await desk.ask(AGENT, PublishingPack, TASK, brief))
