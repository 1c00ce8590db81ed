"""How a command ends: its exit codes, and trouble as a sentence instead of a traceback."""

import contextlib
from collections.abc import Iterator
from typing import Final

import httpx
import typer
from rich.console import Console

from journal_client.feed import FeedClosed
from journal_client.problems import Refused
from journalcraft.door import NoDoor
from journalcraft.keeper import DidNotStart
from journalcraft.lease import StateInUse
from journalcraft.servers import (
    NoFreePort,
    ServerDidNotStart,
    ServerNotFound,
    StateFolderBusy,
)
from journalcraft.shelf import BookMissing, Damaged
from journalcraft.showing import say_on

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class NoPlatform(RuntimeError):
    """No platform runs on this state folder."""


TROUBLE: Final = (
    *(StateInUse, StateFolderBusy, DidNotStart, ServerDidNotStart, ServerNotFound, NoPlatform),
    *(NoFreePort, NoDoor, FeedClosed, BookMissing, Damaged, OSError),
)
"""What can go wrong without anybody's mistake; the message says it all."""


def code_of(refused: Refused) -> int:
    """2 where the asker could have known better, 1 where the platform could not help it."""
    ours = refused.problem.status < httpx.codes.INTERNAL_SERVER_ERROR
    return MISUSED if ours else FAILED


@contextlib.contextmanager
def explained(console: Console) -> Iterator[None]:
    """Trouble as a sentence, and the exit code that goes with it."""
    try:
        yield
    except KeyboardInterrupt:
        say_on(console, "Stopped.")
        raise typer.Exit(INTERRUPTED) from None
    except Refused as refused:
        say_on(console, str(refused))
        raise typer.Exit(code_of(refused)) from None
    except TROUBLE as error:
        say_on(console, str(error))
        raise typer.Exit(FAILED) from None
