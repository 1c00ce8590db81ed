"""What the kernel knows of running programs: who they are, what they run, who belongs to whom."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Identity(NamedTuple):
    """A pid comes again, a pid with its moment of birth (in ticks since boot) does not."""

    pid: int
    born: int


class _Stat(NamedTuple):
    parent: int
    session: int
    born: int


def identify(pid: int) -> Identity:
    """Name the running program; one that is already gone gets a birth no other can have."""
    stat = _stat(pid)
    return Identity(pid, stat.born if stat else -1)


def is_alive(identity: Identity) -> bool:
    """True while the program runs; one that has ended and is not yet reaped is gone."""
    stat = _stat(identity.pid)
    return stat is not None and stat.born == identity.born


def says(pid: int, words: Iterable[str]) -> bool:
    """True when the command line of the program has one of the words."""
    try:
        command = (PROC / str(pid) / "cmdline").read_text(errors="replace")
    except OSError:
        return False
    return any(word in command for word in words)


def family(pid: int) -> list[Identity]:
    """The program, all it started, and all that share its session, orphans included."""
    stats = {int(entry.name): _stat(int(entry.name)) for entry in PROC.glob("[0-9]*")}
    members = {pid}
    grew = True
    while grew:
        of_us = {
            one
            for one, stat in stats.items()
            if stat and (stat.session == pid or stat.parent in members)
        }
        grew = not of_us <= members
        members |= of_us
    return [Identity(one, stat.born) for one in sorted(members) if (stat := stats.get(one))]


def send(identity: Identity, what: signal.Signals) -> None:
    """Signal the program, if it is still the same one."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, what)


def _stat(pid: int) -> _Stat | None:
    """None for a program that is gone; its name may hold blanks and brackets, so look after it."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else _Stat(int(fields[1]), int(fields[3]), int(fields[19]))
