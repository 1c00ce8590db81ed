"""Log lines: one JSON object each, and never a local variable (R7.2d, R8.2b)."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging
import structlog
from opentelemetry import trace
from chassis import telemetry

telemetry.start("a-service")
log = structlog.get_logger()

def work(password):
    raise ValueError("it broke")

def fail():
    try:
        work("canary-secret")
    except ValueError:
        log.exception("work_failed", part="a")

with trace.get_tracer("tests").start_as_current_span("request"):
    log.info("work_began", trace=telemetry.current_trace_id())
    fail()
logging.getLogger("a.library").warning("two\\nlines", extra={"colour": "red"})
logging.getLogger("httpx").info("GET https://host/?token=canary-secret")
"""


@pytest.fixture(scope="module")
def told() -> str:
    """What a program of ours writes to standard error."""
    program = [sys.executable, "-c", PROGRAM]
    return subprocess.run(program, capture_output=True, text=True, check=True).stderr


@pytest.fixture
def entries(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


def test_a_line_is_one_object_that_names_its_service(entries: list[dict[str, Any]]) -> None:
    assert [entry["event"] for entry in entries] == ["work_began", "work_failed", "two\nlines"]
    assert {entry["service"] for entry in entries} == {"a-service"}
    assert [entry["level"] for entry in entries] == ["info", "error", "warning"]
    assert all(entry["timestamp"].endswith("Z") for entry in entries)


def test_a_line_names_the_trace_it_belongs_to(entries: list[dict[str, Any]]) -> None:
    began, failed, outside = entries

    assert len(began["trace_id"]) == 32
    assert began["trace_id"] == began["trace"] == failed["trace_id"]
    assert "trace_id" not in outside


def test_an_exception_is_logged_without_the_secrets_around_it(
    told: str, entries: list[dict[str, Any]]
) -> None:
    [exception] = entries[1]["exception"]

    assert entries[1]["part"] == "a"
    assert (exception["exc_type"], exception["exc_value"]) == ("ValueError", "it broke")
    assert [frame["name"] for frame in exception["frames"]] == ["fail", "work"]
    assert "canary-secret" not in told


def test_a_librarys_line_looks_the_same(entries: list[dict[str, Any]]) -> None:
    assert entries[-1]["colour"] == "red"
