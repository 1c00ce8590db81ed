"""A program that runs beside us: started in a session of its own, found again, stopped whole."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from journalcraft.servers.proc import Identity, family, identify, is_alive, says, send

PATIENCE = 15.0  # seconds a program has to end before it is killed
STARTING = 60.0  # seconds a program has to answer: a busy CI machine is slow


class ServerDidNotStart(RuntimeError):
    """The program ended before it answered, or never answered."""


@dataclass(frozen=True)
class Program:
    """What to run, and the question that it answers once it is up."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    answers: Callable[[], bool]
    words: tuple[str, ...]  # one of them stands in its command line, at any time of its life
    env: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    litter: tuple[str, ...] = ()  # files it leaves outside of its folder


class _Noted(NamedTuple):
    identity: Identity
    words: tuple[str, ...]
    stop_signal: signal.Signals
    litter: tuple[str, ...]


class Process:
    """A started program and the pid file by which the next start finds it."""

    def __init__(self, program: Program, state: Path) -> None:
        self.program = program
        self._log = state / f"{program.name}.log"
        self._pid_file = state / f"{program.name}.pid"
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                program.argv,
                cwd=program.folder,
                env={"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", **program.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=program.uid,
                group=program.uid,
                extra_groups=None if program.uid is None else [],
            )
        self._identity = identify(self._popen.pid)
        noted = (self._identity, program.words, program.stop_signal, program.litter)
        _write_pid_file(self._pid_file, _Noted(*noted))

    def wait_until_it_answers(self) -> None:
        """Ask until the program answers; what it logged is in the error when it does not."""
        until(lambda: self.program.answers() or not self.is_running(), STARTING)
        if not (self.is_running() and self.program.answers()):
            raise ServerDidNotStart(f"{self.program.name} does not answer: {self._last_words()}")

    def is_running(self) -> bool:
        """True from the start until the program ends."""
        return self._popen.poll() is None

    def stop(self, *, kill: bool = False) -> None:
        """End the program and all it started: politely, or as a crash of the machine would."""
        end(self._identity, signal.SIGKILL if kill else self.program.stop_signal)
        self._popen.wait()
        _remove(*self.program.litter, self._pid_file)

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip() or "it said nothing"


def stop_leftover(pid_file: Path) -> bool:
    """Stop what an earlier run left behind; False when nothing runs that is certainly ours."""
    noted = _read_pid_file(pid_file)
    ours = noted and is_alive(noted.identity) and says(noted.identity.pid, noted.words)
    if noted and ours:
        end(noted.identity, noted.stop_signal)
        _remove(*noted.litter)
    _remove(pid_file)
    return bool(ours)


def end(identity: Identity, how: signal.Signals) -> None:
    """Signal the program, wait until it is gone, and kill whatever of its family still runs."""
    members = family(identity.pid) if is_alive(identity) else []
    send(identity, how)
    if how is not signal.SIGKILL:
        until(lambda: not is_alive(identity), PATIENCE)
    for member in members:
        send(member, signal.SIGKILL)
    until(lambda: not any(map(is_alive, members)), PATIENCE)


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Ask every few milliseconds until the answer is yes; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _write_pid_file(pid_file: Path, noted: _Noted) -> None:
    """At once or not at all: a half-written file would hide a program that runs."""
    fresh = pid_file.with_suffix(".new")
    fresh.write_text(json.dumps(noted))
    fresh.replace(pid_file)


def _read_pid_file(pid_file: Path) -> _Noted | None:
    try:
        (pid, born), words, stop_signal, litter = json.loads(pid_file.read_text())
        return _Noted(Identity(pid, born), words, signal.Signals(stop_signal), litter)
    except (OSError, ValueError, TypeError):
        return None


def _remove(*files: str | Path) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
