"""Commands that talk to the platform that runs already, as the local user."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from journal_client.client import Client
from journalcraft.account import credentials_of, sign_in
from journalcraft.endings import NoPlatform, explained
from journalcraft.lease import visit

State = Annotated[Path, typer.Option(help="Where servers keep their data and services their logs.")]
HERE = Path(".state")


def talk(console: Console, state: Path, work: Callable[[Client], Awaitable[int]]) -> None:
    """Sign in, do `work`, and end with its exit code; 1 where no platform runs."""
    with explained(console), visit(state) as url:
        if url is None:
            raise NoPlatform(f"No platform runs on {state}: start one with `journalcraft up`.")
        code = asyncio.run(_signed_in(url, state, work))
    raise typer.Exit(code)


async def _signed_in(url: str, state: Path, work: Callable[[Client], Awaitable[int]]) -> int:
    async with Client.open(url, credentials_of(state)) as client:
        await sign_in(client)
        return await work(client)
