"""`journalcraft audit`: whether the audit holds, and what was done, as JSON and as a page."""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from journal_client.client import Client
from journal_contracts.auditing import ActView, AuditReport
from journalcraft.endings import FAILED
from journalcraft.showing import say_on
from journalcraft.talking import HERE, State, talk

app = typer.Typer(help="Proves the audit, and reports from it.", no_args_is_help=True)
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Audit, {day}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
td {{ border-top: 1px solid #ddd; padding: 0.25rem 0.5rem; vertical-align: top }}</style>
<h1>Audit, {since} to {day}</h1>
{body}</html>
"""


@app.command()
def verify(*, state: State = HERE) -> None:
    """Walk along all chains, and compare them with what was signed."""
    console = Console()

    async def work(client: Client) -> int:
        chain = (await client.audit()).chain
        for finding in chain.findings:
            say_on(console, finding)
        if chain.findings:
            return FAILED
        told = f"{chain.entries} entries, {chain.erased} erased, {chain.checkpoints} marks signed."
        say_on(console, f"The audit holds: {told}")
        return 0

    talk(console, state, work)


@app.command()
def report(
    *,
    since: Annotated[datetime | None, typer.Option(help="In UTC; else 30 days.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for audit.json and audit.html.")] = Path(
        "out/audit"
    ),
    state: State = HERE,
) -> None:
    """Access, acts of operators, use of the vault, exports, erasures, and whether it holds."""
    console = Console()

    async def work(client: Client) -> int:
        found = await client.audit(since)
        out.mkdir(parents=True, exist_ok=True)
        (out / "audit.json").write_text(found.model_dump_json(indent=2))
        (out / "audit.html").write_text(page_of(found))
        say_on(console, f"Written to {out / 'audit.json'} and {out / 'audit.html'}.")
        return FAILED if found.chain.findings else 0

    talk(console, state, work)


def page_of(found: AuditReport) -> str:
    """The report, to read."""
    chain = found.chain
    body = f"<p>{chain.entries} entries, {chain.erased} erased, {chain.checkpoints} marks signed: "
    body += "it does not hold.</p>" if chain.findings else "it holds.</p>"
    body += _rows((finding,) for finding in chain.findings)
    for section, counts in found.counts.items():
        body += f"<h2>{escape(section)}</h2>" + _rows(sorted(counts.items()))
        body += _rows(map(_row, found.last.get(section, ())))
    day, since = f"{found.at:%Y-%m-%d}", f"{found.since:%Y-%m-%d}"
    return PAGE.format(day=day, since=since, body=body)


def _row(act: ActView) -> tuple[object, ...]:
    told = ", ".join(f"{name}: {value}" for name, value in act.told.items() if value is not None)
    return f"{act.at:%Y-%m-%d %H:%M:%S}", act.act, told or "erased"


def _rows(rows: Iterable[tuple[object, ...]]) -> str:
    cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    lines = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table>{lines}</table>\n" if lines else ""
