"""What others rely on is frozen: a break is a red diff that names its file."""

import asyncio
import copy
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from chassis.broker import connect, open_broker, say
from chassis.ids import now
from journal_contracts.catalogue import BY_NAME, CATALOGUE, ORCHESTRATOR
from journal_contracts.events import PhaseCompleted
from journal_contracts.publishing import documents
from journal_contracts.schemas import all_schemas, breaks

CONTRACTS = Path(__file__).parents[1]
EVENT = PhaseCompleted(
    journal_id=UUID(int=1), user_id=UUID(int=2), n=7, at=now(), percent=31,
    phase="outline", agent="content_curator", seconds=2.5,
)  # fmt: skip


@pytest.mark.parametrize("path", documents())
def test_what_is_published_is_what_the_code_says(path: str) -> None:
    frozen = (CONTRACTS / path).read_text()

    assert frozen == documents()[path], f"{path} differs; `make contracts` writes it anew"


@pytest.mark.parametrize("name", all_schemas())
def test_no_frozen_schema_is_broken(name: str) -> None:
    frozen = json.loads((CONTRACTS / f"schemas/{name}.json").read_text())

    assert breaks(frozen, all_schemas()[name]) == [], (
        f"schemas/{name}.json: this wants a new version"
    )


def test_nothing_is_published_that_nobody_says() -> None:
    files = {str(f.relative_to(CONTRACTS)) for f in (CONTRACTS / "schemas").rglob("*.json")}

    assert files == {path for path in documents() if path.startswith("schemas/")}


def test_a_new_optional_field_breaks_nobody_and_anything_else_does() -> None:
    frozen = PhaseCompleted.model_json_schema()

    def changed(**properties: object) -> list[str]:
        new = copy.deepcopy(frozen)
        new["properties"].update(properties)
        return breaks(frozen, new)

    gone = copy.deepcopy(frozen)
    del gone["properties"]["agent"]
    required = copy.deepcopy(frozen)
    required["required"].append("mood")

    assert changed(mood={"type": "string"}) == []
    assert changed(seconds={"type": "string"}) == ["/seconds: type was 'number', is 'string'"]
    assert breaks(frozen, gone) == ["/agent: is gone"]
    assert breaks(frozen, required) == ["/mood: is required now"]


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
