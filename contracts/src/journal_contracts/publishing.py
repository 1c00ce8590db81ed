"""Everything of the contracts that is published beside the code, as text by path."""

import json
from pathlib import Path
from typing import Final

from journal_contracts import asyncapi
from journal_contracts.catalogue import CATALOGUE
from journal_contracts.schemas import CLIENT_FRAMES, all_schemas, breaks, text_of

HEARD_FROM_CLIENTS: Final = {f"schemas/realtime/{kind.__name__}.json" for kind in CLIENT_FRAMES}


class BrokenPromise(Exception):
    """A frozen schema would change under those who rely on it."""


def write(folder: Path) -> None:
    """Write everything anew; a frozen schema only ever gains optional fields, or nothing is done.

    Where nobody can rely on a schema yet, remove its file first.
    """
    if broken := broken_promises(folder):
        raise BrokenPromise("\n".join(broken))
    for path, text in documents().items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def broken_promises(folder: Path) -> list[str]:
    """What the code breaks of the schemas frozen in a folder, each with the name of its file."""
    found = {f"schemas/{name}.json": schema for name, schema in all_schemas().items()}
    return [
        f"{path}: {break_}: this wants a new version"
        for path, schema in found.items()
        if (folder / path).exists()
        for break_ in breaks(
            json.loads((folder / path).read_text()), schema, heard=path in HEARD_FROM_CLIENTS
        )
    ]


def documents() -> dict[str, str]:
    """Schemas, AsyncAPI documents and the table of messages."""
    found = {f"schemas/{name}.json": text_of(schema) for name, schema in all_schemas().items()}
    found["asyncapi.json"] = text_of(asyncapi.of_the_broker())
    found["asyncapi-realtime.json"] = text_of(asyncapi.of_the_socket())
    found["MESSAGES.md"] = table()
    return found


def table() -> str:
    """The catalogue for people."""
    lines = [
        "# Messages",
        "",
        "Generated from the catalogue; `*` is every replica, all else is one of them.",
        "",
        "| name | said by | heard by | meaning |",
        "|---|---|---|---|",
    ]
    for entry in CATALOGUE:
        hearers = [*entry.heard_by, *(f"{name}*" for name in entry.heard_by_every_replica_of)]
        meaning = (entry.message.__doc__ or "").strip().splitlines()[0]
        heard = ", ".join(hearers) or "whoever listens"
        said = ", ".join(entry.said_by)
        lines.append(f"| `{entry.name}` | {said} | {heard} | {meaning} |")
    return "\n".join(lines) + "\n"
