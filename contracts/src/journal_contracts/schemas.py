"""The frozen JSON Schemas: what others may rely on, and which changes keep that promise."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from journal_contracts import artifacts, realtime
from journal_contracts.catalogue import CATALOGUE

Schema = dict[str, Any]

ARTIFACTS = (
    artifacts.Preferences,
    artifacts.EditorialPlan,
    artifacts.Titles,
    artifacts.Insights,
    artifacts.Outline,
    artifacts.DayBatch,
    artifacts.FrameBatch,
    artifacts.Manuscripts,
    artifacts.EditedBatch,
    artifacts.VisualStyle,
    artifacts.Illustration,
    artifacts.Layout,
    artifacts.Editions,
    artifacts.PublishingPack,
    artifacts.Preflight,
)
CLIENT_FRAMES = (realtime.Hello, realtime.Decide, realtime.Pong)
GATEWAY_FRAMES = (
    realtime.Welcome,
    realtime.Snapshot,
    realtime.Happened,
    realtime.DecideResult,
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


def breaks(frozen: Schema, new: Schema) -> list[str]:
    """What in `new` breaks those who rely on `frozen`; a new optional field breaks nobody."""
    return list(_broken(frozen, new, (frozen, new), "", frozenset()))


def _broken(
    old: Any, new: Any, roots: tuple[Schema, Schema], at: str, seen: frozenset[str]
) -> Iterator[str]:
    if "$ref" in old:
        if old["$ref"] in seen:
            return
        seen = seen | {old["$ref"]}
    old, new = _resolved(old, roots[0]), _resolved(new, roots[1])
    for word in ("type", "enum", "const", "pattern", "format"):
        if old.get(word) != new.get(word):
            yield f"{at or '/'}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
    for field in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{at}/{field}: is required now"
    for field, was in old.get("properties", {}).items():
        if field not in new.get("properties", {}):
            yield f"{at}/{field}: is gone"
        else:
            now = new["properties"][field]
            yield from _broken(was, now, roots, f"{at}/{field}", seen)
    for word in ("items", "additionalProperties"):
        if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
            yield from _broken(old[word], new[word], roots, f"{at}/*", seen)
    if len(old.get("anyOf", ())) > len(new.get("anyOf", ())):
        yield f"{at or '/'}: allows less than before"
    for was, now in zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False):
        yield from _broken(was, now, roots, at, seen)


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
