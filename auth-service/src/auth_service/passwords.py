"""Passwords: argon2id on two threads of their own, so that a crowd never stops the service."""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Literal, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from auth_service.guessing import is_guessable
from chassis.errors import ServiceError, Unavailable
from chassis.ids import new_id

THREADS: Final = 2
LONGEST_QUEUE: Final = 32
NICE: Final = 10
LENGTHS: Final = range(15, 257)
HASHERS: Final = {
    "full": PasswordHasher(),
    "light": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1),
}
T = TypeVar("T")


class PasswordCheckBusy(Unavailable):
    """More people sign in at this moment than can be checked."""


class PasswordUnfit(ServiceError):
    """Too short or too long once written in one way (NFKC)."""

    status = 422


class PasswordGuessable(ServiceError):
    """One that is tried first: a row of keys, a word again and again, or the address itself."""

    status = 422


def _give_way() -> None:
    """Let whoever answers go first: a hash has threads of its own for every core, and they are as
    nice as the one that began it. Only Linux knows how nice a thread is."""
    if sys.platform == "linux":
        here = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, here, max(NICE, os.getpriority(os.PRIO_PROCESS, here)))


class Passwords:
    """Hashes and checks passwords; at most so many wait, the rest are asked to come back."""

    def __init__(self, cost: Literal["full", "light"]) -> None:
        self._hasher = HASHERS[cost]
        self._threads = ThreadPoolExecutor(THREADS, "argon2", initializer=_give_way)
        self._busy = 0
        self._nobodys = self._hasher.hash(str(new_id()))

    async def hash(self, password: str, email: str) -> str:
        """What is kept of a new password. Raises `PasswordUnfit` and `PasswordGuessable`."""
        normal = normalised(password)
        if len(normal) not in LENGTHS:
            raise PasswordUnfit("A password has 15 to 256 characters.")
        if is_guessable(normal, email):
            raise PasswordGuessable("This password is one of the first that are guessed.")
        return await self._run(partial(self._hasher.hash, normal))

    async def rehash(self, password: str, kept: str) -> str | None:
        """What to keep from now on of a password that has matched; None if that is kept already."""
        if not self._hasher.check_needs_rehash(kept):
            return None
        return await self._run(partial(self._hasher.hash, normalised(password)))

    async def match(self, password: str, kept: str | None) -> bool:
        """Is this the password? With nothing kept it takes as long, and is not."""
        found = await self._run(partial(self._verify, kept or self._nobodys, normalised(password)))
        return found and kept is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy >= LONGEST_QUEUE:
            raise PasswordCheckBusy("Many sign in at this moment.")
        self._busy += 1
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        done.add_done_callback(self._leave)
        return await asyncio.shield(done)

    def _leave(self, done: "asyncio.Future[T]") -> None:
        """Counted by the work, not by who waits: a caller who hangs up frees no thread."""
        self._busy -= 1

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except VerifyMismatchError:
            return False


def normalised(password: str) -> str:
    """Two ways to type the same characters are the same password."""
    return unicodedata.normalize("NFKC", password)
