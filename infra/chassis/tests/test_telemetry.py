"""Log lines: one JSON object each, and never a local variable (R7.2d, R8.2b)."""

import json
import subprocess
import sys

PROGRAM = """
import structlog
from chassis import telemetry

telemetry.start("a-service")

def work(password):
    raise ValueError("it broke")

try:
    work("canary-secret")
except ValueError:
    structlog.get_logger().exception("work_failed", part="a")
"""


def test_an_exception_is_logged_without_the_secrets_around_it() -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    [line] = told.stderr.splitlines()
    entry = json.loads(line)
    assert (entry["service"], entry["event"], entry["part"]) == ("a-service", "work_failed", "a")
    assert entry["exception"][0]["exc_value"] == "it broke"
    assert "canary-secret" not in line
