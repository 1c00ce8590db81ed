"""The shelf: every sentence the offline writer owns, read from the TOML files of this package."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from journal_contracts.product import Edition, Mode, Stage

APOSTROPHE: Final = re.compile(r"(?<=\w)'(?=\w)|(?<=s)'(?= [a-z])")
ESSAY_FILES: Final = (
    "identify_act",
    "identify_more",
    "document_act",
    "document_more",
    "action_act",
    "action_more",
    "lead_magnet",
)


@dataclass(frozen=True)
class Essay:
    """A day's warm-up in parts, each in a few wordings; `facet` names the scene for it.

    The first close takes up the picture of the first opening, the second that of the second.
    """

    facet: str
    edition: Edition
    stage: Stage
    mode: Mode
    place: str
    """`first` or `last` where the essay opens or ends a book, else empty."""
    angle: str
    kind: str
    headings: tuple[str, ...]
    asks: tuple[str, ...]
    opening: tuple[str, ...]
    middle: tuple[str, ...]
    task: tuple[str, ...]
    close: tuple[str, ...]
    more: tuple[str, ...]
    left: str
    right: str


@cache
def page(path: str) -> Mapping[str, Any]:
    """One file of the shelf, e.g. `themes/anxiety`. Typed apostrophes become printers' ones."""
    raw = files("agent_workers.writer").joinpath(f"{path}.toml").read_text(encoding="utf-8")
    return tomllib.loads(APOSTROPHE.sub("\u2019", raw))


@cache
def pool(name: str) -> Mapping[str, Any]:
    """The file of a theme; one that is `like` another only says where it differs from that."""
    own = page(f"themes/{name}")
    if "like" not in own:
        return own
    wider = pool(own["like"])
    tables = {key: {**wider[key], **own.get(key, {})} for key in ("scene", "ask")}
    # Its own insights come before those of the wider theme.
    shelves = [own.get("insight", []), *wider.get("insights", [wider["insight"]])]
    return {**wider, **own, **tables, "insights": shelves, "kin": wider.get("kin", own["like"])}


@cache
def essays() -> tuple[Essay, ...]:
    """The whole bank of day essays."""
    return tuple(essay for name in ESSAY_FILES for essay in _read(name))


def _read(name: str) -> Iterator[Essay]:
    for row in page(f"essays/{name}")["essay"]:
        lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
        yield Essay(
            **{"place": ""}
            | row
            | lists
            | {
                "edition": Edition(row.get("edition", "journal")),
                "stage": Stage(row["stage"]),
                "mode": Mode(row["mode"]),
            }
        )
