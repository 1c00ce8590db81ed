"""`journalcraft`: what people type."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from journal_client.client import Client
from journal_client.problems import Refused, line_of, problem_in_order
from journal_contracts.api import JournalOrder, JournalView
from journal_contracts.product import Depth, PlanName, TitleStyle
from journalcraft import auditing, crafting, dlq, saga
from journalcraft.account import credentials_of, sign_in
from journalcraft.endings import FAILED, MISUSED, code_of, explained
from journalcraft.lease import StateInUse, visit
from journalcraft.occasion import platform_at
from journalcraft.papers import UnfitPapers, hand_in, papers_in
from journalcraft.platform import start_platform
from journalcraft.showing import display_on, say_on
from journalcraft.signals import end_by_interrupt
from journalcraft.talking import HERE, State
from journalcraft.terminal import ask_on, read_line, take_default
from journalcraft.wiring import mails_of

PORT = 8_000

app = typer.Typer(
    help="Crafts journals, and runs the platform that does, without Docker.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(saga.app, name="saga")
app.add_typer(dlq.app, name="dlq")
app.add_typer(auditing.app, name="audit")


def _one_of(names: Any) -> str:
    return f"One of: {', '.join(names)}."


@app.command()
def craft(
    theme: Annotated[str, typer.Argument(help="What the journal is about.")],
    *,
    plan: Annotated[str, typer.Option(help=_one_of(PlanName))] = PlanName.STANDARD,
    out: Annotated[Path, typer.Option(help="The folder that gets a folder with the books.")] = Path(
        "out"
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Take the marked defaults, ask nothing.")] = (
        False
    ),
    title_style: Annotated[str | None, typer.Option(help=_one_of(TitleStyle))] = None,
    depth: Annotated[str | None, typer.Option(help=f"Of research. {_one_of(Depth)}")] = None,
    audience: Annotated[str | None, typer.Option(help="Who the journal is for.")] = None,
    language: Annotated[str | None, typer.Option(help="Such as en, de, fr or es.")] = None,
    page: Annotated[
        str | None,
        typer.Option("--format", help="6x9, a4 or letter; with -plain it has no pictures."),
    ] = None,
    documents: Annotated[
        Path | None, typer.Option(help="A folder of txt, md and pdf files for research to rest on.")
    ] = None,
    state: State = HERE,
) -> None:
    """Craft a 30-day journal and its 6-day lead magnet from a theme."""
    console = Console()
    asks = sys.stdin.isatty() and not yes
    papers = _papers(console, documents)
    order = _order(
        console,
        theme=theme,
        unattended=not asks,
        plan=plan,
        title_style=title_style,
        depth=depth,
        audience=audience,
        language=language,
        decisions={"format": {"option": page}} if page else None,
        documents=list(papers) or None,
    )
    with explained(console):
        end_by_interrupt()
        out.mkdir(parents=True, exist_ok=True)
        with platform_at(state, lambda line: say_on(console, line)) as url:
            code = asyncio.run(
                _craft(console, url, order, papers=papers, out=out, state=state, asks=asks)
            )
        raise typer.Exit(code)


@app.command()
def up(
    state: State = HERE,
    port: Annotated[int, typer.Option(help="The next free one is taken if it is not.")] = PORT,
) -> None:
    """Run the platform until Ctrl-C."""
    console = Console()
    with explained(console):
        end_by_interrupt()
        try:
            platform = start_platform(state, port=port, say=lambda line: say_on(console, line))
        except StateInUse:
            with visit(state) as url:
                say_on(console, f"The platform of {state} already runs on {url}.")
            raise typer.Exit(FAILED) from None
        with platform:
            if not platform.url.endswith(f":{port}"):
                say_on(console, f"Port {port} is taken.")
            say_on(console, f"The platform runs on {platform.url}. Ctrl-C stops it.")
            if "JCC_SMTP_URL" not in os.environ:
                say_on(console, f"Letters are files in {mails_of(platform.state)}.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
            say_on(console, "Stopping.")


async def _craft(
    console: Console,
    url: str,
    order: JournalOrder,
    *,
    papers: dict[str, Path],
    out: Path,
    state: Path,
    asks: bool,
) -> int:
    """Craft one journal and say what came of it; the exit code."""
    display = display_on(console)
    ask = ask_on(display, read_line) if asks else take_default
    try:
        async with Client.open(url, credentials_of(state)) as client:
            await sign_in(client)
            await hand_in(client, papers)
            view, folder = await crafting.craft(client, order, out, display, ask)
    except Refused as refused:
        say_on(console, str(refused))
        return code_of(refused)
    say_on(console, f"{view.title or view.theme}: {folder}/" if folder else _end_of(view))
    return 0 if folder else FAILED


def _end_of(view: JournalView) -> str:
    trouble = view.trouble
    if view.status == "cancelled" or not trouble:
        return f"The journal {view.id} was {view.status}. What was made is kept on the platform."
    place = f" in {trouble.phase}" if trouble.phase else ""
    return (
        f"The journal {view.id} failed{place}: {trouble.detail} ({trouble.code}). "
        "What was made is kept on the platform."
    )


def _papers(console: Console, folder: Path | None) -> dict[str, Path]:
    """The documents, or exit code 2 with what is wrong with them."""
    try:
        return papers_in(folder) if folder else {}
    except UnfitPapers as unfit:
        say_on(console, str(unfit))
        raise typer.Exit(MISUSED) from None


def _order(console: Console, **wishes: Any) -> JournalOrder:
    """The order, or exit code 2 with what does not fit; nothing is started for a bad one."""
    try:
        return JournalOrder.model_validate({k: v for k, v in wishes.items() if v is not None})
    except ValidationError as error:
        say_on(console, line_of(problem_in_order(error)))
        raise typer.Exit(MISUSED) from None
