"""`journalcraft saga`, typed at a platform that plays one journal."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from journal_contracts.api import Answer
from journal_contracts.decisions import Choice
from journalcraft.command import app

from .conftest import FakePlatform


@pytest.fixture
async def journal(fake_platform: FakePlatform) -> str:
    """One that waits for its title."""
    journal = fake_platform.order()
    await fake_platform.begin()
    return str(journal)


async def test_show_tells_state_phases_decisions_and_all_that_happened(
    fake_platform: FakePlatform, journal: str, typed: Any
) -> None:
    shown = await typed("saga", "show", journal)

    assert shown.code == 0
    assert shown.told.startswith(f"Calm is running, 30 % done ({journal}).\n")
    assert "standard plan, 1 model calls, 2 tokens in, 3 out, not priced" in shown.told
    assert ["discovery", "Discovery", "done", "1/1", "1.5"] in shown.rows
    assert next(row[:4] for row in shown.rows if row[0] == "title") == [
        "title",
        "1",
        "",
        "open until",
    ]
    history = shown.rows[shown.rows.index(next(r for r in shown.rows if r[0] == "seq")) + 1 :]
    assert [row[0] for row in history] == ["1", "2", "3"]
    assert history[0][2:] == [
        *("phase started", "discovery", "discovery", "step_finished", "1.5", "0.25")
    ]
    assert history[2][3] == "title"


async def test_show_can_look_back_and_speak_json(
    fake_platform: FakePlatform, journal: str, typed: Any
) -> None:
    shown = await typed("saga", "show", journal, "--at", "2", "--json")
    never = await typed("saga", "show", journal, "--at", "9")

    document = json.loads(shown.told)
    assert (document["journal"]["n"], document["journal"]["percent"]) == (2, 2)
    assert [line["seq"] for line in document["history"]] == [1, 2]
    assert (never.code, never.told) == (2, "Never was. (no_such_moment)\n")


async def test_follow_tells_what_is_asked_and_ends_with_the_journal(
    fake_platform: FakePlatform, typed: Any
) -> None:
    journal = fake_platform.order()
    following = asyncio.create_task(typed("saga", "follow", str(journal)))
    while not fake_platform.view or not fake_platform.view.open_decisions:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)

    await fake_platform.finish(Answer(choice=Choice(option="t1")))
    followed = await asyncio.wait_for(following, 20)

    assert followed.code == 0
    assert "discovery done in 1.5 s" in followed.told
    assert "Which title?" in followed.told
    assert "Enter alone" not in followed.told
    assert "Title: Calm Pages (your choice)" in followed.told
    assert followed.told.endswith(f"Calm Pages is completed, 50 % done ({journal}).\n")
    assert fake_platform.answers == []


async def test_follow_of_what_failed_fails(
    fake_platform: FakePlatform, journal: str, typed: Any
) -> None:
    fake_platform.fails = True
    await fake_platform.finish(Answer(choice=Choice(option="t1")))

    followed = await typed("saga", "follow", journal)

    assert followed.code == 1
    assert "is failed" in followed.told


async def test_cancel_stops_it(fake_platform: FakePlatform, journal: str, typed: Any) -> None:
    cancelled = await typed("saga", "cancel", journal)

    assert cancelled.code == 0
    assert fake_platform.view
    assert fake_platform.view.status == "cancelled"


async def test_retry_sends_where_and_what_is_different(
    fake_platform: FakePlatform, journal: str, typed: Any
) -> None:
    changes = ("--change", "depth=deep", "--change", "title=t2")
    retried = await typed("saga", "retry", journal, "--from", "research", *changes)
    plain = await typed("saga", "retry", journal)

    assert (retried.code, plain.code) == (0, 0)
    first, second = fake_platform.retries
    assert (first["phase"], first["changes"]["depth"]) == ("research", "deep")
    assert first["changes"]["decisions"]["title"]["option"] == "t2"
    assert "phase" not in second


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("depth", "--change wants KEY=VALUE, not 'depth'."),
        ("depth=bottomless", "/changes/depth: Input should be 'light', 'medium' or 'deep'"),
        ("colour=red", "/changes/colour: Extra inputs are not permitted"),
    ],
)
async def test_a_change_that_does_not_fit_is_refused_before_anything_is_asked(
    fake_platform: FakePlatform, journal: str, typed: Any, change: str, told: str
) -> None:
    refused = await typed("saga", "retry", journal, "--change", change)

    assert refused.code == 2
    assert told in refused.told
    assert fake_platform.retries == []


@pytest.mark.parametrize("status", [409, 422])
async def test_what_the_platform_refuses_is_told_in_one_line(
    fake_platform: FakePlatform, journal: str, typed: Any, status: int
) -> None:
    problem = {"title": "No", "status": status, "code": "nothing_to_retry", "detail": "It is done."}
    fake_platform.refusals = [(status, problem)]

    refused = await typed("saga", "retry", journal)

    assert (refused.code, refused.told) == (2, "It is done. (nothing_to_retry)\n")


def test_without_a_platform_it_says_how_to_start_one(tmp_path: Path) -> None:
    for words in (("saga", "show", str(uuid4())), ("dlq", "list")):
        result = CliRunner().invoke(app, [*words, "--state", str(tmp_path / "none")])

        assert result.exit_code == 1
        assert "start one with `journalcraft up`" in result.output
