"""Passwords that are long, and guessed first all the same. There are no other rules for one."""

from importlib import resources
from typing import Final

ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
BLOCKED: Final = frozenset((resources.files("auth_service") / "blocked.txt").read_text().split())
"""Known from leaks, longer than fourteen letters and digits; lower case, and nothing else kept."""
FEWEST: Final = 5
"""Different characters."""


def is_guessable(password: str, email: str) -> bool:
    """Whether somebody who knows the address and the usual lists has it among the first."""
    plain = "".join(filter(str.isalnum, password.casefold()))
    address = "".join(filter(str.isalnum, email.casefold()))
    return (
        len(set(password.casefold())) < FEWEST
        or plain in BLOCKED
        or plain == address
        or any(_is_along(plain, row) for row in ROWS)
        or _repeats(password.casefold())
    )


def _is_along(plain: str, row: str) -> bool:
    """A walk along a row, forwards or backwards, and on from its beginning."""
    endless = row * (len(plain) // len(row) + 2)
    return bool(plain) and (plain in endless or plain in endless[::-1])


def _repeats(text: str) -> bool:
    """One short word, over and over; the last time perhaps not all of it."""
    return any(text == (text[:n] * len(text))[: len(text)] for n in range(1, len(text) // 2 + 1))
