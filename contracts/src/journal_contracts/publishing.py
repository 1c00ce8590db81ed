"""Everything of the contracts that is published beside the code, as text by path."""

from journal_contracts import asyncapi
from journal_contracts.catalogue import CATALOGUE
from journal_contracts.schemas import all_schemas, text_of


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
