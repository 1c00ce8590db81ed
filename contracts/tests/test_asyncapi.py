"""The AsyncAPI documents can be followed to the end, and say what the broker is really told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.broker import exchange_of
from journal_contracts.catalogue import CATALOGUE, Entry

CONTRACTS = Path(__file__).parents[1]
DOCUMENTS = ("asyncapi.json", "asyncapi-realtime.json")


def document(name: str) -> Any:
    return json.loads((CONTRACTS / name).read_text())


def references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": target}:
            yield target
        case dict():
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def follow(whole: Any, target: str) -> Any:
    found = whole
    for part in target.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere(name: str) -> None:
    whole = document(name)
    targets = set(references(whole))

    assert whole["asyncapi"] == "3.0.0"
    assert targets
    for target in targets:
        if target.startswith("#/"):
            assert follow(whole, target)
        else:
            assert (CONTRACTS / target).is_file(), target


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_a_channel_is_the_exchange_the_broker_has(entry: Entry) -> None:
    channel = document("asyncapi.json")["channels"][entry.name]
    exchange = exchange_of(entry)

    assert channel["bindings"]["amqp"]["exchange"] == {
        "name": exchange.name,
        "type": exchange.type.value,
        "durable": exchange.durable,
    }
    assert entry.transient or channel["address"] in (entry.name, f"{entry.name}.{{pool}}")


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_operations_are_those_of_the_catalogue(entry: Entry) -> None:
    operations = document("asyncapi.json")["operations"]
    said = {f"{name}.says.{entry.name}" for name in entry.said_by}
    hearers = (*entry.heard_by, *entry.heard_by_every_replica_of)
    heard = {f"{name}.hears.{entry.name}" for name in hearers}
    mine = {name: op for name, op in operations.items() if name.endswith(f"s.{entry.name}")}

    assert {name for name, op in mine.items() if op["action"] == "send"} == said
    assert {name for name, op in mine.items() if op["action"] == "receive"} == heard


def test_events_carry_cloud_events_and_commands_do_not() -> None:
    messages = document("asyncapi.json")["components"]["messages"]

    for entry in CATALOGUE:
        assert ("headers" in messages[entry.name]) is not entry.is_command
