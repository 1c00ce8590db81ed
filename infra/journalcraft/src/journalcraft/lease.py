"""One platform for one state folder: locks say who runs it and who uses it, a note where it is.

The kernel takes a lock back when its process ends, in whatever way.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from journalcraft.files import write_whole

STARTS_WITHIN: Final = 150.0


class StateInUse(RuntimeError):
    """Another platform runs on this state folder."""


class Lease:
    """The right to run the platform of a state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._note = state / "platform.json"

    @classmethod
    @contextlib.contextmanager
    def take(cls, state: Path) -> Iterator["Lease"]:
        """Hold it for the block, or raise `StateInUse`."""
        state.mkdir(parents=True, exist_ok=True)
        with _locked(state / "lock", fcntl.LOCK_EX) as is_ours:
            if not is_ours:
                raise StateInUse(f"Another journalcraft runs on {state}; choose another --state.")
            lease = cls(state)
            lease._note.unlink(missing_ok=True)
            try:
                yield lease
            finally:
                lease._note.unlink(missing_ok=True)

    def announce(self, url: str) -> None:
        """Say where the platform is, now that it is ready."""
        write_whole(self._note, json.dumps({"url": url, "pid": os.getpid()}))


@contextlib.contextmanager
def visit(state: Path) -> Iterator[str | None]:
    """The URL of the platform that runs on this folder; waits for one that is just starting.

    While the block runs, an owner that stops it `after_guests` waits.
    """
    with _locked(state / "guests", fcntl.LOCK_SH, wait=True):
        yield _find(state)


@contextlib.contextmanager
def after_guests(state: Path) -> Iterator[None]:
    """Wait until nobody else uses the platform; who comes while the block runs waits in turn."""
    with _locked(state / "guests", fcntl.LOCK_EX, wait=True):
        yield


def has_guests(state: Path) -> bool:
    """Whether somebody else uses the platform of this folder."""
    with _locked(state / "guests", fcntl.LOCK_EX) as is_ours:
        return not is_ours


def _find(state: Path) -> str | None:
    deadline = time.monotonic() + STARTS_WITHIN
    while _is_run(state) and time.monotonic() < deadline:
        url = _announced(state)
        if url and _answers(url):
            return url
        time.sleep(0.1)
    return None


def _is_run(state: Path) -> bool:
    with _locked(state / "lock", fcntl.LOCK_SH) as is_ours:
        return not is_ours


def _announced(state: Path) -> str | None:
    try:
        return str(json.loads((state / "platform.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def _answers(url: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=3) as client:
            return client.get(f"{url}/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def _locked(place: Path, kind: int, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock for the block; yields whether it was had."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(file, kind if wait else kind | fcntl.LOCK_NB)
    finally:
        os.close(file)


def _lock(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        return False
    return True
