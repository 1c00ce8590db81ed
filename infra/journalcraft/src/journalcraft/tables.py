"""Rows and columns: drawn on a terminal, where ids stay whole; separated by tabs elsewhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

NUMBERS = (int, float, Decimal)


def table_on(console: Console, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; its cells may be anything a message may hold."""
    listed = list(rows)
    if not console.is_terminal:
        console.file.writelines("\t".join(map(cell, row)) + "\n" for row in (names, *listed))
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        column = [row[number] for row in listed]
        counts = bool(column) and all(isinstance(v, (*NUMBERS, type(None))) for v in column)
        table.add_column(
            name,
            justify="right" if counts else "left",
            overflow="fold",
            no_wrap=any(isinstance(value, UUID) for value in column),
        )
    for row in listed:
        table.add_row(*(Text(cell(value)) for value in row))
    console.print(table)


def cell(value: Any) -> str:
    """A value in one line of printable characters."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case Decimal():
            return f"{value.normalize():f}"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return "".join(c if c.isprintable() else " " for c in str(value))
