"""What others rely on is frozen: a break is a red diff that names its file."""

import asyncio
import copy
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from chassis.broker import connect, open_broker, say
from chassis.ids import now
from journal_contracts.catalogue import BY_NAME, CATALOGUE, ORCHESTRATOR
from journal_contracts.events import PhaseCompleted
from journal_contracts.publishing import BrokenPromise, documents, write
from journal_contracts.schemas import all_schemas, breaks

CONTRACTS = Path(__file__).parents[1]
PUBLISHED, SCHEMAS = documents(), all_schemas()
EVENT = PhaseCompleted(
    journal_id=UUID(int=1), user_id=UUID(int=2), n=7, at=now(), percent=31,
    phase="outline", agent="content_curator", seconds=2.5,
)  # fmt: skip


@pytest.mark.parametrize("path", PUBLISHED)
def test_what_is_published_is_what_the_code_says(path: str) -> None:
    frozen = (CONTRACTS / path).read_text()

    assert frozen == PUBLISHED[path], f"{path} differs; `make contracts` writes it anew"


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_frozen_schema_is_broken(name: str) -> None:
    frozen = json.loads((CONTRACTS / f"schemas/{name}.json").read_text())

    assert breaks(frozen, SCHEMAS[name]) == [], f"schemas/{name}.json: this wants a new version"


def test_nothing_is_published_that_nobody_says() -> None:
    files = {str(f.relative_to(CONTRACTS)) for f in (CONTRACTS / "schemas").rglob("*.json")}

    assert files == {path for path in PUBLISHED if path.startswith("schemas/")}


FROZEN: dict[str, Any] = {
    "type": "object",
    "required": ["a", "b"],
    "properties": {
        "a": {"type": "string", "maxLength": 10},
        "b": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "c": {"type": "array", "items": {"$ref": "#/$defs/Inner"}},
        "d": {"enum": ["x", "y"]},
        "e": {"type": "object", "additionalProperties": {"type": "string"}},
        "f": {"prefixItems": [{"type": "string"}]},
    },
    "$defs": {
        "Inner": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "again": {"$ref": "#/$defs/Inner"}},
        }
    },
}


def changed(*path: str, to: object = None) -> dict[str, Any]:
    """The frozen schema with one place set, or taken out."""
    new = copy.deepcopy(FROZEN)
    place: Any = new
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return new


@pytest.mark.parametrize(
    "new",
    [
        FROZEN,
        changed("properties", "mood", to={"type": "string"}),
        changed("$defs", "Inner", "properties", "mood", to={"type": "string"}),
        changed("description", to="In other words."),
        changed("properties", "a", "default", to="x"),
    ],
)
def test_a_new_optional_field_breaks_nobody(new: dict[str, Any]) -> None:
    assert breaks(FROZEN, new) == []


def test_what_we_hear_may_lack_what_it_had() -> None:
    assert breaks(FROZEN, changed("required", to=["a"]), heard=True) == []
    assert breaks(FROZEN, changed("properties", "c"), heard=True) == ["/c: is gone"]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed("properties", "c"), "/c: is gone"),
        (changed("properties", "a", "type", to="integer"), "/a: type was 'string', is 'integer'"),
        (changed("required", to=["a", "b", "c"]), "/c: is required now"),
        (changed("required", to=["a"]), "/b: may be left out now"),
        (changed("properties", "a", "maxLength", to=5), "/a: maxLength was 10, is 5"),
        (changed("properties", "a", "maxLength"), "/a: maxLength was 10, is None"),
        (changed("properties", "b", "anyOf", to=[{"type": "number"}]), "/b: anyOf had 2, has 1"),
        (changed("properties", "d", "enum", to=["x"]), "/d: enum was ['x', 'y'], is ['x']"),
        (changed("properties", "f", "prefixItems", to=[]), "/f: prefixItems had 1, has 0"),
        (changed("additionalProperties", to=False), "/: additionalProperties was None, is False"),
        (
            changed("properties", "e", "additionalProperties", "type", to="integer"),
            "/e/*: type was 'string', is 'integer'",
        ),
        (
            changed("$defs", "Inner", "properties", "x", "type", to="string"),
            "/c/*/x: type was 'integer', is 'string'",
        ),
    ],
)
def test_anything_else_breaks_somebody_and_the_place_is_named(
    new: dict[str, Any], said: str
) -> None:
    assert breaks(FROZEN, new) == [said]


def test_a_renamed_field_is_gone_and_not_forgiven_for_the_new_one() -> None:
    new = changed("properties", "c")
    new["properties"]["sea"] = FROZEN["properties"]["c"]

    assert breaks(FROZEN, new) == ["/c: is gone"]


def test_writing_anew_takes_a_new_optional_field_and_refuses_a_break(tmp_path: Path) -> None:
    write(tmp_path)
    place = tmp_path / f"schemas/{PhaseCompleted.name}.json"
    today = place.read_text()
    yesterday = json.loads(today)
    del yesterday["properties"]["agent"]
    yesterday["required"].remove("agent")
    place.write_text(json.dumps(yesterday))
    with pytest.raises(BrokenPromise, match="/agent: is required now"):
        write(tmp_path)

    yesterday = json.loads(today)
    yesterday["properties"]["mood"] = {"type": "string"}
    place.write_text(json.dumps(yesterday))
    with pytest.raises(BrokenPromise) as refusal:
        write(tmp_path)
    assert str(refusal.value) == (
        f"schemas/{PhaseCompleted.name}.json: /mood: is gone: this wants a new version"
    )
    assert json.loads(place.read_text()) == yesterday


def test_names_are_routing_keys_with_a_version() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    for entry in CATALOGUE:
        subject, thing, verb, version = entry.name.split(".")
        assert subject
        assert thing
        assert verb
        assert version.startswith("v")
        assert len(entry.heard_by) == 1 or not entry.is_command


def test_a_hearer_ignores_what_it_does_not_know_and_refuses_what_does_not_fit() -> None:
    body = {**json.loads(EVENT.model_dump_json()), "mood": "sunny"}

    assert PhaseCompleted.model_validate(body) == EVENT
    with pytest.raises(ValidationError):
        PhaseCompleted.model_validate({**body, "percent": "much"})


async def test_an_outside_service_subscribes_in_twenty_lines(amqp_url: str) -> None:
    example = CONTRACTS / "examples/subscribe.py"
    broker = connect(ORCHESTRATOR, amqp_url)
    async with open_broker(broker):
        listening = await asyncio.create_subprocess_exec(
            sys.executable, example, amqp_url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert listening.stdout is not None
        heard = asyncio.create_task(listening.stdout.readline())
        try:
            async with asyncio.timeout(30):
                while not heard.done():  # it says nothing before it listens, so say it again
                    await say(broker, EVENT)
                    await asyncio.wait([heard], timeout=0.2)
        finally:
            listening.kill()
            await listening.wait()

    assert heard.result().decode() == f"{EVENT.journal_id} outline: 31 %\n"
