"""A real model, small and local, does whole phases through CrewAI and the door (R1.2c, R4.2d).

Its text is nonsense; that it fits the schema is what is asserted.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.apart import python_of

from agent_workers.models.provider import estimated_tokens
from chassis.blobs import FolderBlobs
from chassis.database import Pool
from journal_contracts.artifacts import AuthorStyle, Layout, Preferences, VisualStyle
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.product import PlanName

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]

MODEL = "smollm2-135m"
SMALL = 500
"""Tokens a brief may have here."""
PREFERENCES = Preferences(
    theme="gratitude",
    audience="people who like to write",
    author_styles=(AuthorStyle(label="Plain", line="Plain and warm."),) * 5,
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the model listens."""
    log = tmp_path_factory.mktemp("model") / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [python_of("model"), Path(__file__).with_name("serving.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        where = process.stdout.readline().strip()
        assert where, log.read_text()
        yield f"{where}/v1"
        process.stdin.close()


def worked(order: dict[str, Any], folder: Path) -> list[str]:
    """The tasks that CrewAI was given for an order."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("working.py"), json.dumps(order)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tasks: list[str] = json.loads(done.stdout)
    return tasks


def a_step(phase: str, **inputs: tuple[str, ...]) -> RunPhase:
    return RunPhase(
        journal_id=UUID(int=1),
        user_id=UUID(int=2),
        phase=phase,
        brief=Brief(theme="gratitude", plan=PlanName.EXPRESS),
        inputs=inputs,
    )


async def test_two_phases_run_from_their_briefs_to_results_that_fit(
    address: str, pool: Pool, database_url: str, amqp_url: str, tmp_path: Path
) -> None:
    blobs = FolderBlobs(tmp_path)
    await blobs.put("known.json", PREFERENCES.model_dump_json().encode(), "application/json")
    look, layout = a_step("art_direction", onboarding=("known.json",)), a_step("binding")
    order = {
        "database": database_url,
        "amqp": amqp_url,
        "model": MODEL,
        "address": address,
        "folder": str(tmp_path),
        "steps": [step.model_dump(mode="json") for step in (look, layout, look)],
    }

    tasks = await asyncio.to_thread(worked, order, tmp_path)

    VisualStyle.model_validate_json(await blobs.get(look.artifact_key))
    Layout.model_validate_json(await blobs.get(layout.artifact_key))
    assert len(tasks) >= 3
    assert max(map(estimated_tokens, tasks)) < SMALL
    calls = [dict(row) for row in await pool.fetch("select * from attempt order by at")]
    assert {call["phase"] for call in calls} == {"art_direction", "binding"}
    assert {(call["model"], call["outcome"]) for call in calls} == {(MODEL, "answered")}
    assert all(call["tokens_in"] and call["tokens_out"] for call in calls)
    assert {(call["estimated"], call["cost"]) for call in calls} == {(False, None)}
    assert len(calls) == len({call["request_key"] for call in calls}), "the third step asked again"
