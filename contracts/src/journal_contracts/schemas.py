"""The frozen JSON Schemas: what others may rely on, and which changes keep that promise."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from journal_contracts import artifacts, realtime
from journal_contracts.catalogue import CATALOGUE

Schema = dict[str, Any]

SAID_ONLY: Final = frozenset({"title", "description", "default", "examples"})
"""Words of a schema that explain and bind nobody."""
ONE: Final = ("items", "additionalProperties", "propertyNames")
SEVERAL: Final = ("anyOf", "oneOf", "prefixItems")
NESTED: Final = frozenset({"$defs", "properties", "required", *ONE, *SEVERAL})

ARTIFACTS = (
    artifacts.Preferences,
    artifacts.EditorialPlan,
    artifacts.Titles,
    artifacts.Insights,
    artifacts.Outline,
    artifacts.Review,
    artifacts.DayBatch,
    artifacts.FrameBatch,
    artifacts.Manuscripts,
    artifacts.EditedBatch,
    artifacts.EditedFrame,
    artifacts.VisualStyle,
    artifacts.Illustration,
    artifacts.Layout,
    artifacts.Editions,
    artifacts.PublishingPack,
    artifacts.Preflight,
)
CLIENT_FRAMES = (
    realtime.Hello,
    realtime.Auth,
    realtime.Decide,
    realtime.Read,
    realtime.Pong,
)
GATEWAY_FRAMES = (
    realtime.Welcome,
    realtime.Snapshot,
    realtime.Happened,
    realtime.DecideResult,
    realtime.DecideRefused,
    realtime.Ping,
    realtime.Bye,
)


def all_schemas() -> dict[str, Schema]:
    """Every schema by its path under `schemas/`, without the ending."""
    shapes: dict[str, type[BaseModel]] = {entry.name: entry.message for entry in CATALOGUE}
    shapes |= {f"artifacts/{kind.__name__}": kind for kind in ARTIFACTS}
    shapes |= {f"realtime/{kind.__name__}": kind for kind in (*CLIENT_FRAMES, *GATEWAY_FRAMES)}
    return {name: schema_of(kind) for name, kind in shapes.items()}


def schema_of(kind: type[BaseModel]) -> Schema:
    """The schema of what is written: field names as they travel."""
    return kind.model_json_schema(by_alias=True, mode="validation")


def text_of(document: Schema) -> str:
    """A document as it lies in the repository."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


LEFT_OUT: Final = ": may be left out now"


def breaks(frozen: Schema, new: Schema, *, heard: bool = False) -> list[str]:
    """What in `new` breaks those who rely on `frozen`; only a new optional field breaks nobody.

    Of what others say and we hear, a field that need not be there any more breaks nobody either.
    """
    found = _broken(frozen, new, (frozen, new), "", frozenset())
    return [each for each in found if not (heard and each.endswith(LEFT_OUT))]


def _broken(
    old: Schema, new: Schema, roots: tuple[Schema, Schema], at: str, seen: frozenset[str]
) -> Iterator[str]:
    if "$ref" in old:
        if old["$ref"] in seen:
            return
        seen = seen | {old["$ref"]}
    old, new = _resolved(old, roots[0]), _resolved(new, roots[1])
    for word in sorted((old.keys() | new.keys()) - SAID_ONLY - NESTED):
        if old.get(word) != new.get(word):
            yield f"{at or '/'}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
    yield from _broken_fields(old, new, at)
    for path, was, now in _parts(old, new, at):
        yield from _broken(was, now, roots, path, seen)


def _broken_fields(old: Schema, new: Schema, at: str) -> Iterator[str]:
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    gone = old.get("properties", {}).keys() - new.get("properties", {}).keys()
    yield from (f"{at}/{field}: is gone" for field in sorted(gone))
    yield from (f"{at}/{field}: is required now" for field in sorted(needs - needed))
    yield from (f"{at}/{field}{LEFT_OUT}" for field in sorted(needed - needs - gone))
    for word in ONE:
        was, now = old.get(word), new.get(word)
        if was != now and not (isinstance(was, dict) and isinstance(now, dict)):
            yield f"{at or '/'}: {word} was {was!r}, is {now!r}"
    for word in SEVERAL:
        if len(old.get(word, ())) != len(new.get(word, ())):
            yield f"{at or '/'}: {word} had {len(old.get(word, ()))}, has {len(new.get(word, ()))}"


def _parts(old: Schema, new: Schema, at: str) -> Iterator[tuple[str, Schema, Schema]]:
    """The schemas inside that both have, with the place they stand at."""
    for field, was in old.get("properties", {}).items():
        if field in new.get("properties", {}):
            yield f"{at}/{field}", was, new["properties"][field]
    for word in ONE:
        if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
            yield f"{at}/*", old[word], new[word]
    for word in SEVERAL:
        for was, now in zip(old.get(word, ()), new.get(word, ()), strict=False):
            yield at, was, now


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
