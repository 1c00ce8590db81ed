"""`journalcraft dlq`: messages that no service could handle, seen and decided about."""

import json
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.console import Console

from journal_client.client import Client
from journal_client.problems import line_of, problem_in_order
from journal_contracts.operating import DeadLetterChoice, DeadLetterDetail
from journalcraft.endings import FAILED, MISUSED
from journalcraft.showing import say_on
from journalcraft.tables import table_on
from journalcraft.talking import HERE, State, talk

app = typer.Typer(
    help="Shows messages that no service could handle, sends them back, or drops them.",
    no_args_is_help=True,
)
Letter = Annotated[UUID | None, typer.Argument(help="One letter; else say which class of them.")]
Service = Annotated[str | None, typer.Option(help="Only those of this service.")]
Name = Annotated[str | None, typer.Option(help="Only messages of this name.")]
Reason = Annotated[
    str | None, typer.Option(help="unreadable, out_of_tries or delivery_limit: only these.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, one document a line.")]


@app.command("list")
def list_(
    *,
    service: Service = None,
    name: Name = None,
    reason: Reason = None,
    journal: Annotated[UUID | None, typer.Option(help="Only those about this journal.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
    state: State = HERE,
) -> None:
    """The newest dead letters."""
    console = Console()

    async def work(client: Client) -> int:
        asked = {"service": service, "name": name, "reason": reason}
        wanted = {key: value for key, value in asked.items() if value}
        found = await client.dead_letters(limit, journal=journal, **wanted)
        if as_json:
            for letter in found:
                say_on(console, letter.model_dump_json())
        elif found:
            names = ("id", "since", "service", "message", "reason", "redrives")
            rows = ((x.id, x.first_seen, x.service, x.name, x.reason, x.redrives) for x in found)
            table_on(console, names, rows)
        else:
            say_on(console, "There are no dead letters.")
        return 0

    talk(console, state, work)


@app.command()
def show(
    letter: Annotated[UUID, typer.Argument(help="Its id, as `list` tells it.")],
    *,
    as_json: AsJson = False,
    state: State = HERE,
) -> None:
    """One dead letter: why it lies there, and its body without what people wrote in it."""
    console = Console()

    async def work(client: Client) -> int:
        found = await client.dead_letter(letter)
        if as_json:
            say_on(console, found.model_dump_json())
        else:
            _show(console, found)
        return 0

    talk(console, state, work)


@app.command()
def redrive(
    letter: Letter = None,
    *,
    service: Service = None,
    name: Name = None,
    reason: Reason = None,
    state: State = HERE,
) -> None:
    """Send one letter, or a class of them, back to where it failed; exit code 1 if any is left."""
    console = Console()
    choice = _choice(console, letter, service, name, reason)

    async def work(client: Client) -> int:
        settled = await client.redrive(choice)
        left = f"; {settled.left} could not be and still lie there" if settled.left else ""
        say_on(console, f"{_letters(settled.done)} sent back{left}.")
        return FAILED if settled.left else 0

    talk(console, state, work)


@app.command()
def drop(
    letter: Letter = None,
    *,
    service: Service = None,
    name: Name = None,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False,
    state: State = HERE,
) -> None:
    """Forget one letter, or a class of them, for good."""
    console = Console()
    choice = _choice(console, letter, service, name, reason)
    if not yes:
        typer.confirm("They are gone for good. Drop them?", abort=True)

    async def work(client: Client) -> int:
        settled = await client.drop(choice)
        say_on(console, f"{_letters(settled.done)} dropped.")
        return 0

    talk(console, state, work)


def _choice(
    console: Console, letter: UUID | None, service: str | None, name: str | None, reason: str | None
) -> DeadLetterChoice:
    try:
        return DeadLetterChoice(id=letter, service=service, name=name, reason=reason)
    except ValidationError as error:
        say_on(console, line_of(problem_in_order(error, "Which letters?")))
        raise typer.Exit(MISUSED) from None


def _show(console: Console, found: DeadLetterDetail) -> None:
    told = {**found.model_dump(exclude={"body"}), "first_seen": found.first_seen}
    table_on(console, ("", "dead letter"), told.items())
    if found.body is None:
        say_on(console, "Its body is not shown: it cannot be read.")
    else:
        say_on(console, json.dumps(found.body, indent=2, ensure_ascii=False))


def _letters(count: int) -> str:
    return "1 letter was" if count == 1 else f"{count} letters were"
