"""Keeps programs running: starts them side by side, begins again the one that dies, stops all."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from journalcraft.process import Process, Program

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
STEADY: Final = 30.0
"""Seconds a program has to live for its next death to count as the first."""

START_LIMIT: Final = 120.0
DEATHS_AT_START: Final = 3
LOOK_EVERY: Final = 0.1

Say = Callable[[str], None]


class DidNotStart(RuntimeError):
    """A program died again and again, or was not ready in time."""


@dataclass
class _Kept:
    """A process that should run, or not; `begin_at` is when a dead one is begun again."""

    process: Process
    wanted: bool = False
    started_at: float = 0.0
    begin_at: float | None = None
    pause: float = 0.0
    deaths: int = 0


class Keeper:
    """The programs of one state folder, watched by a thread from `start_all` to `stop`."""

    def __init__(self, programs: Iterable[Program], folder: Path, say: Say) -> None:
        self._kept = {program.name: _Kept(Process(program, folder)) for program in programs}
        self._say = say
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="keeper", daemon=True)

    def start_all(self) -> None:
        """Start every program and wait until all are ready. Leftovers of a killed run end first."""
        for kept in self._kept.values():
            if kept.process.kill_leftover():
                self._say(f"Ended {kept.process.program.name}, left over from an earlier run.")
            kept.process.shorten_log()
        for kept in self._kept.values():
            self._begin(kept)
        self._watcher.start()
        self._wait_until_ready(self._kept)

    def start(self, name: str) -> None:
        """Start one program again and wait until it is ready."""
        with self._lock:
            kept = self._kept[name]
            if not kept.wanted:
                kept.deaths, kept.pause = 0, 0.0
                self._begin(kept)
        self._wait_until_ready([name])

    def program(self, name: str) -> Program:
        return self._kept[name].process.program

    def kill(self, name: str) -> None:
        """SIGKILL one program and leave it dead."""
        with self._lock:
            kept = self._kept[name]
            kept.wanted, kept.begin_at = False, None
            kept.process.kill()

    def stop(self) -> None:
        """Ask all to end, wait, and kill what does not."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for kept in self._kept.values():
            kept.process.terminate()
        for kept in self._kept.values():
            kept.process.wait()

    def _begin(self, kept: _Kept) -> None:
        kept.process.start()
        kept.wanted, kept.begin_at, kept.started_at = True, None, time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            with self._lock:
                for kept in self._kept.values():
                    if kept.wanted:
                        self._look_at(kept)

    def _look_at(self, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.begin_at is not None:
            if now >= kept.begin_at:
                self._begin(kept)
            return
        code = kept.process.exit_code()
        if code is None:
            return
        kept.process.kill()  # what it started itself
        kept.deaths += 1
        kept.pause = pause_after(kept.pause, now - kept.started_at)
        kept.begin_at = now + kept.pause
        self._say(
            f"{kept.process.program.name} ended ({_how(code)}); it is started again in "
            f"{kept.pause:.1f} s. Its log: {kept.process.log}"
        )

    def _wait_until_ready(self, names: Iterable[str]) -> None:
        waiting = [self._kept[name] for name in names]
        before = {id(kept): kept.deaths for kept in waiting}
        deadline = time.monotonic() + START_LIMIT
        with httpx.Client(trust_env=False, timeout=3) as client:
            while waiting := [kept for kept in waiting if not _is_ready(client, kept.process)]:
                for kept in waiting:
                    too_often = kept.deaths - before[id(kept)] >= DEATHS_AT_START
                    if too_often or time.monotonic() > deadline:
                        raise DidNotStart(_account_of(kept.process))
                time.sleep(LOOK_EVERY)


def pause_after(pause: float, lived: float) -> float:
    """The wait before the next start: doubled each time, short again after a steady life."""
    return FIRST_PAUSE if lived > STEADY else min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)


def _is_ready(client: httpx.Client, process: Process) -> bool:
    try:
        return client.get(process.program.ready_url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _account_of(process: Process) -> str:
    name = process.program.name
    return f"{name} did not start. The end of {process.log}:\n{process.last_words()}"
