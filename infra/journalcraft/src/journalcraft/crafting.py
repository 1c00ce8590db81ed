"""One journal from the order to the books: follow it, answer what it asks, fetch what it made."""

import asyncio
import contextlib
from pathlib import Path
from uuid import UUID

import httpx

from journal_client.client import Client
from journal_client.place import News
from journal_client.problems import Refused
from journal_contracts.api import Answer, JournalOrder, JournalView
from journal_contracts.decisions import Choice, DecisionView
from journal_contracts.events import ProgressReported
from journal_contracts.realtime import Happened, Snapshot
from journalcraft.files import write_whole
from journalcraft.follow import follow
from journalcraft.manifest import Manifest
from journalcraft.shelf import FILES, books_among, make_folder, put, remove_folder, slug_of
from journalcraft.showing import Display
from journalcraft.terminal import Ask

ENDS = {"completed", "failed", "cancelled"}
TOO_LATE = {httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.GONE}
CANCEL_WITHIN = 5.0
BY = {
    "user": "your choice",
    "default": "taken for you: nobody answered",
    "request": "as ordered",
    "plan": "by the plan",
}


class Crafting:
    """A journal that is being made, seen from outside."""

    def __init__(self, client: Client, journal: UUID, display: Display, ask: Ask) -> None:
        self._client = client
        self._journal = journal
        self._display = display
        self._ask = ask
        self._asking: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._asked: set[tuple[str, int]] = set()
        self._told = 0

    async def to_its_end(self) -> JournalView:
        """Follow it until it is completed, failed or cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    return await self._follow(tasks)
                finally:
                    self._withdraw(keep=set())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _follow(self, tasks: asyncio.TaskGroup) -> JournalView:
        view = await self._client.state(self._journal)
        async with contextlib.aclosing(self._client.events()) as feed:
            async for news in feed:
                view = await self._take(view, news)
                self._display.show(view)
                self._tell_what_was_chosen(view)
                self._ask_what_is_open(view, tasks)
                if view.status in ENDS:
                    return await self._client.state(self._journal)
        raise AssertionError("the feed ends by an exception only")

    async def _take(self, view: JournalView, news: News) -> JournalView:
        match news:
            case Snapshot():
                ours = (shown for shown in news.journals if shown.id == self._journal)
                return max((view, *ours), key=lambda seen: seen.n)
            case Happened(journal=self._journal, cls="durable"):
                return follow(view, news) or await self._client.state(self._journal)
            case Happened(journal=self._journal, type=ProgressReported.name):
                self._display.doing(news.data.get("phase", ""), news.data.get("doing", ""))
        return view

    def _ask_what_is_open(self, view: JournalView, tasks: asyncio.TaskGroup) -> None:
        is_open = {(decision.id, decision.rev): decision for decision in view.open_decisions}
        self._withdraw(keep=set(is_open))
        for key, decision in is_open.items():
            if key not in self._asked:
                self._asked.add(key)
                self._asking[key] = tasks.create_task(self._answer(decision))

    def _withdraw(self, keep: set[tuple[str, int]]) -> None:
        """Stop asking what was decided meanwhile, by a deadline or at another window."""
        for key in set(self._asking) - keep:
            self._asking.pop(key).cancel()

    def _tell_what_was_chosen(self, view: JournalView) -> None:
        for chosen in view.decisions[self._told :]:
            if chosen.chosen_by == "plan" and (chosen.id, chosen.rev) not in self._asked:
                continue
            name = chosen.id.replace("_", " ").capitalize()
            label = chosen.label or chosen.choice.option
            self._display.say(f"{name}: {label} ({BY[chosen.chosen_by]})")
        self._told = max(self._told, len(view.decisions))

    async def _answer(self, decision: DecisionView) -> None:
        async with self._one_at_a_time:
            while True:
                choice = await self._ask(decision)
                answer = Answer(rev=decision.rev, choice=choice)
                try:
                    await self._client.decide(self._journal, decision.id, answer)
                except Refused as refused:
                    self._display.say(str(refused))
                    if refused.problem.status == httpx.codes.UNPROCESSABLE_ENTITY:
                        continue
                    if refused.problem.status not in TOO_LATE:
                        raise
                return


async def craft(
    client: Client, order: JournalOrder, out: Path, display: Display, ask: Ask
) -> tuple[JournalView, Path | None]:
    """Order a journal and see it through; the folder is None where no books came of it.

    When cancelled it cancels the journal too.
    """
    journal = await client.order(order)
    ask = _with_the_draft_at_hand(client, journal, out, display, ask)
    try:
        with display:
            view = await Crafting(client, journal, display, ask).to_its_end()
        if view.status != "completed":
            return view, None
        return view, await fetch(client, order, view, out)
    except asyncio.CancelledError:
        with contextlib.suppress(Refused, OSError, TimeoutError):
            async with asyncio.timeout(CANCEL_WITHIN):
                await client.cancel(journal)
                display.say(f"The journal {journal} was cancelled.")
        raise


def _with_the_draft_at_hand(
    client: Client, journal: UUID, out: Path, display: Display, ask: Ask
) -> Ask:
    """Whoever is to approve the draft finds it in a file; that of a later round takes its place."""
    place = out / f"draft-{journal}.html"

    async def asked(decision: DecisionView) -> Choice:
        if decision.id == "draft":
            write_whole(place, await client.draft(journal))
            display.say(f"Read the draft: {place}")
        return await ask(decision)

    return asked


async def fetch(client: Client, order: JournalOrder, view: JournalView, out: Path) -> Path:
    """Put both books and the manifest in a new folder under OUT; the manifest comes last."""
    books = books_among(await client.artifacts(view.id))
    folder = make_folder(out, slug_of(order.theme))
    try:
        for edition, asset in books.items():
            await put(asset, client.download(asset), folder / FILES[edition])
        manifest = Manifest.of(order, view, books)
        write_whole(folder / "manifest.json", manifest.model_dump_json(indent=2) + "\n")
    except BaseException:
        remove_folder(folder)
        raise
    return folder
