"""`journalcraft saga`: one journal, seen from its beginning to now, followed and steered."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.console import Console

from journal_client.client import Client
from journal_client.problems import line_of, problem_in_order
from journal_contracts.api import HistoryEntry, JournalView, RetryOrder
from journal_contracts.decisions import Choice, DecisionView
from journalcraft.asking import lines_of
from journalcraft.crafting import BY, Crafting
from journalcraft.endings import FAILED, MISUSED
from journalcraft.showing import Display, display_on, name_of, say_on
from journalcraft.tables import cell, table_on
from journalcraft.talking import HERE, State, talk
from journalcraft.terminal import Ask

app = typer.Typer(help="Shows one journal, follows it and steers it.", no_args_is_help=True)
Journal = Annotated[UUID, typer.Argument(help="The journal's id.")]

DECISIONS: Final = frozenset({"author_style", "title", "pictures", "draft", "format"})


@app.command()
def show(
    journal: Journal,
    *,
    at: Annotated[
        int | None, typer.Option(min=1, help="As it was right after this transition.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
    state: State = HERE,
) -> None:
    """The state, the phases, the decisions, and everything that happened."""
    console = Console()

    async def work(client: Client) -> int:
        view = await (client.state(journal) if at is None else client.state_at(journal, at))
        history = [line for line in await client.history(journal) if at is None or line.seq <= at]
        if as_json:
            document = {
                "journal": view.model_dump(mode="json"),
                "history": [line.model_dump(mode="json") for line in history],
            }
            say_on(console, json.dumps(document, ensure_ascii=False))
        else:
            _show(console, view)
            _show_history(console, history)
        return 0

    talk(console, state, work)


@app.command()
def follow(journal: Journal, *, state: State = HERE) -> None:
    """Watch it until it is over; exit code 1 unless it is completed. Ctrl-C stops watching only."""
    console = Console()

    async def work(client: Client) -> int:
        display = display_on(console)
        with display:
            view = await Crafting(client, journal, display, _told_on(display)).to_its_end()
        say_on(console, _standing(view))
        return 0 if view.status == "completed" else FAILED

    talk(console, state, work)


@app.command()
def cancel(journal: Journal, *, state: State = HERE) -> None:
    """Stop it; what was made is kept."""
    console = Console()

    async def work(client: Client) -> int:
        await client.cancel(journal)
        say_on(console, f"The journal {journal} was cancelled. What was made is kept.")
        return 0

    talk(console, state, work)


@app.command()
def retry(
    journal: Journal,
    *,
    phase: Annotated[
        str | None, typer.Option("--from", help="Begin again with this phase; else where it stood.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE: title_style, depth, audience, or a decision's option."),
    ] = None,
    state: State = HERE,
) -> None:
    """Take up a journal that ended or failed, perhaps with something changed."""
    console = Console()
    order = _retry_order(console, phase, change or [])

    async def work(client: Client) -> int:
        view = await client.retry(journal, order)
        say_on(console, _standing(view))
        return 0

    talk(console, state, work)


def _retry_order(console: Console, phase: str | None, changes: Sequence[str]) -> RetryOrder:
    """What was typed as an order, or exit code 2 with what does not fit."""
    told: dict[str, Any] = {}
    for typed in changes:
        key, equals, value = typed.partition("=")
        if not equals:
            say_on(console, f"--change wants KEY=VALUE, not {typed!r}.")
            raise typer.Exit(MISUSED)
        if key in DECISIONS:
            told.setdefault("decisions", {})[key] = {"option": value}
        else:
            told[key] = value
    try:
        return RetryOrder.model_validate({"phase": phase, "changes": told})
    except ValidationError as error:
        say_on(console, line_of(problem_in_order(error)))
        raise typer.Exit(MISUSED) from None


def _told_on(display: Display) -> Ask:
    """Tells what is asked and leaves the answer to others."""

    async def tell(decision: DecisionView) -> Choice:
        for line in lines_of(decision)[:-1]:
            display.say(line)
        display.say(f"To be answered by {decision.deadline.astimezone():%H:%M:%S}.")
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    return tell


def _show(console: Console, view: JournalView) -> None:
    say_on(console, _standing(view))
    usage = view.usage
    cost = "not priced" if usage.cost is None else f"{cell(usage.cost)} USD"
    tokens = f"{usage.tokens_in} tokens in, {usage.tokens_out} out"
    say_on(console, f"{view.plan} plan, {usage.calls} model calls, {tokens}, {cost}")
    if view.trouble:
        say_on(console, f"Trouble: {view.trouble.detail} ({view.trouble.code})")
    if view.phases:
        rows = [
            (
                p.name,
                name_of(p.agent),
                p.status,
                f"{p.done}/{p.parts}" if p.parts else "",
                p.seconds,
            )
            for p in view.phases
        ]
        table_on(console, ("phase", "agent", "status", "parts", "seconds"), rows)
    decided: list[tuple[Any, ...]] = [
        (d.id, d.rev, d.choice.text or d.choice.option, BY[d.chosen_by], d.at)
        for d in view.decisions
    ]
    asked = [(d.id, d.rev, "", "open until", d.deadline) for d in view.open_decisions]
    if decided or asked:
        table_on(console, ("decision", "rev", "choice", "by", "at"), [*decided, *asked])


def _show_history(console: Console, history: Sequence[HistoryEntry]) -> None:
    names = ("seq", "at", "what", "about", "actor", "cause", "seconds", "cost")
    rows = (
        (x.seq, x.at, _short(x.type), _about(x.data), x.actor, x.cause, x.seconds, x.cost)
        for x in history
    )
    table_on(console, names, rows)


def _short(name: str) -> str:
    """`journal.phase.advanced.v1` is `phase advanced`."""
    return re.sub(r"^journal\.|\.v\d+$", "", name).replace(".", " ")


def _about(data: dict[str, Any]) -> str:
    """`curation journal-frame`, `title t2`: what an entry is about, in a few words."""
    decision = data.get("decision")
    choice = data.get("choice")
    words = (
        data.get("phase"),
        data.get("part"),
        data.get("decision_id"),
        decision.get("id") if isinstance(decision, dict) else None,
        choice.get("option") if isinstance(choice, dict) else None,
        data.get("code"),
    )
    return " ".join(str(word) for word in words if word)


def _standing(view: JournalView) -> str:
    """`Calm Pages is waiting, 42 % done (0192...).`"""
    return f"{view.title or view.theme} is {view.status}, {view.percent} % done ({view.id})."
