"""`python -m tests.faults.nursery MODULE ...`: has these imported, and forks processes that have.

A process that is killed a hundred times should not spend most of the run on its imports. Each line
on stdin orders one: `{"module", "environment", "log"}`; each line on stdout is its pid.
"""

import gc
import importlib
import inspect
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
IMPORTED: Final = ("tests.instant.orchestrator", "tests.instant.worker", "httpcore")


class Nursery:
    """The process, as the run sees it."""

    def __init__(self, *imported: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", *(imported or IMPORTED)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def bear(self, module: str, environment: Mapping[str, str], log: Path) -> int:
        """Start `python -m module` with this environment; its pid."""
        order = {"module": module, "environment": dict(environment), "log": str(log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """It leaves; whom it bore stays."""
        with self._process as process:
            process.kill()


def main() -> None:
    """Fork on demand."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the kernel
    for module in sys.argv[1:]:
        importlib.import_module(module)
    inspect.getsource(main)  # FastAPI reads its routes' source, and compiles patterns for it
    gc.freeze()  # as the services do
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(order)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _live(order: Mapping[str, object]) -> None:
    """The rest of a child's life."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    environment = order["environment"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    runpy.run_module(str(order["module"]), run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
