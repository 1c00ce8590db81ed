"""One program as a process: in a group of its own, logged to a file, remembered by a pid file."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from journalcraft.files import write_private

LARGEST_LOG: Final = 10_000_000
GRACE: Final = 12.0
"""Seconds from SIGTERM to SIGKILL; a service gives its requests 10."""


@dataclass(frozen=True)
class Program:
    """A Python module to run; `ready_url` answers 200 when it can do its work."""

    name: str
    module: str
    environment: Mapping[str, str]
    ready_url: str


class Process:
    """A program and, while it runs, its process."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.log = folder / "logs" / f"{program.name}.log"
        self._note = folder / "pids" / f"{program.name}.json"
        self._folder = folder
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. `-P` keeps the folder it runs in out of its imports."""
        for place in (self.log, self._note):
            place.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", self.program.module],
                env=dict(self.program.environment),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        born = _born(self._popen.pid)
        write_private(self._note, json.dumps({"pid": self._popen.pid, "born": born}))

    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._popen.poll() if self._popen else 0

    def terminate(self) -> None:
        """Ask it to end."""
        if self._popen and self._popen.poll() is None:
            self._popen.terminate()

    def wait(self, seconds: float = GRACE) -> None:
        """Wait for its end; after that long it is killed. What it started itself goes with it."""
        if self._popen:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(seconds)
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        if self._popen:
            _kill_group(self._popen.pid)
            self._popen.wait()
            self._popen = None
        self._note.unlink(missing_ok=True)

    def kill_leftover(self) -> bool:
        """End what an earlier run left, if it still is that process; true if there was one."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            note = json.loads(self._note.read_text())
            if self._is_ours(note["pid"], note["born"]):
                _kill_group(note["pid"])
                _wait_until_gone(note["pid"])
                return True
        self._note.unlink(missing_ok=True)
        return False

    def shorten_log(self) -> None:
        """Put a log that has grown long aside."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(line[:400] for line in text.splitlines()[-lines:])

    def _is_ours(self, pid: int, born: str) -> bool:
        """Process ids are used again, so its birth and its command line have to fit too."""
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return _born(pid) == born and self.program.module.encode() in command


def _born(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is none, or only its remains."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _wait_until_gone(pid: int, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while _born(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
