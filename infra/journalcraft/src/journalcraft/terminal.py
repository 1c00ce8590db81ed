"""Asking a person: the question is printed, a line is read; it can be withdrawn meanwhile."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

from journal_contracts.decisions import Choice, DecisionView
from journalcraft.asking import (
    CHANGES,
    NotAnAnswer,
    default_of,
    lines_of,
    read_answer,
    read_notes,
)
from journalcraft.showing import Display

Ask = Callable[[DecisionView], Awaitable[Choice]]
ReadLine = Callable[[], Awaitable[str]]


async def take_default(decision: DecisionView) -> Choice:
    """What answers where nobody can be asked."""
    return default_of(decision)


def ask_on(display: Display, read_line: ReadLine) -> Ask:
    """A way to ask on this terminal. Its end (Ctrl-D) takes the default."""

    async def ask(decision: DecisionView) -> Choice:
        with display.aside():
            for line in lines_of(decision):
                display.say(line)
            try:
                return await _answer(decision, display, read_line)
            except EOFError:
                return default_of(decision)

    return ask


async def _answer(decision: DecisionView, display: Display, read_line: ReadLine) -> Choice:
    while True:
        typed = await read_line()
        try:
            choice = read_answer(decision, typed)
        except NotAnAnswer as reason:
            display.say(str(reason))
            continue
        if choice.option != CHANGES:
            return choice
        display.say("What should change? One line each, `section: note`; an empty line ends.")
        if (notes := read_notes(await _lines(read_line))).notes:
            return notes
        display.say("Nothing was noted. Your answer?")


async def _lines(read_line: ReadLine) -> list[str]:
    lines = []
    while line := (await read_line()).strip():
        lines.append(line)
    return lines


async def read_line(stream: TextIO = sys.stdin) -> str:
    """The next line of a terminal; cancelling leaves it unread, as no thread could."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()
    number = stream.fileno()

    def take() -> None:
        if not typed.done():
            typed.set_result(os.read(number, 4096))

    loop.add_reader(number, take)
    try:
        line = await typed
    finally:
        loop.remove_reader(number)
    if not line:
        raise EOFError
    return line.decode(errors="replace")
