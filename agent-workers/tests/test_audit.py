"""CrewAI calls nobody, writes in its own folder alone, and leaves signals be (R1.2a, R1.1d)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder that is CrewAI's own."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def audited(state: Path, deed: str) -> dict[str, Any]:
    """What a process of its own did; it starts in an empty folder."""
    here = state.parent / "here"
    here.mkdir()
    told = subprocess.run(
        [sys.executable, Path(__file__).with_name("auditing.py"), state, deed],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    seen: dict[str, Any] = json.loads(told.stdout)
    return seen


def test_importing_crewai_and_fifty_tasks_touch_nothing_outside(state: Path) -> None:
    assert audited(state, "crew") == {"seen": [], "replaced": []}


def test_a_call_a_write_and_a_handler_would_be_seen(state: Path) -> None:
    seen = audited(state, "mischief")

    assert [line.split()[0] for line in seen["seen"]] == [
        *("open", "socket.getaddrinfo", "socket.connect")
    ]
    assert seen["seen"][0] == f"open {state.parent / 'outside'}"
    assert seen["replaced"] == ["SIGTERM"]
