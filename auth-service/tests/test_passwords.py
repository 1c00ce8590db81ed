"""Passwords are checked off the event loop, and a crowd is turned away rather than queued."""

import asyncio
import os
import threading

import pytest

from auth_service.guessing import is_guessable
from auth_service.passwords import LONGEST_QUEUE, NICE, PasswordCheckBusy, Passwords


async def test_a_crowd_beyond_the_queue_is_asked_to_come_back() -> None:
    passwords = Passwords("light")
    checks = [passwords.match("correct horse battery", None) for _ in range(LONGEST_QUEUE + 3)]

    outcomes = await asyncio.gather(*checks, return_exceptions=True)
    passwords.close()

    busy = [outcome for outcome in outcomes if isinstance(outcome, PasswordCheckBusy)]
    assert len(busy) == 3
    assert busy[0].headers["Retry-After"]


async def test_who_hangs_up_leaves_the_queue_when_the_work_is_done() -> None:
    passwords = Passwords("light")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await passwords.match("correct horse battery", None)

    kept = await passwords.hash("correct horse battery", "ada@example.com")

    assert await passwords.match("correct horse battery", kept)
    assert not await passwords.match("correct horse battery", None)
    passwords.close()


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaa",
        "aaaabbbbccccdddd",
        "abcabcabcabcabcab",
        "1234567890123456",
        "0987654321098765",
        "qwertyuiopasdfgh",
        "Password-Password",
        "Correct Horse Battery Staple",
        "ada.lovelace@example.com",
        "Ada Lovelace Example Com",
        "letmein letmein letmein",
    ],
)
def test_what_is_guessed_first_is_no_password(password: str) -> None:
    assert is_guessable(password, "ada.lovelace@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a long pass phrase of mine",
        "\u6211\u7684\u4e66\u5728\u684c\u5b50\u4e0a\u8bf7\u4e0d\u8981\u62ff\u8d70\u5b83",
        "Password of the day: elephants",
    ],
)
def test_any_other_is_welcome(password: str) -> None:
    assert not is_guessable(password, "ada.lovelace@example.com")


async def test_a_password_that_is_kept_too_lightly_is_kept_better_once_it_matched() -> None:
    light, full = Passwords("light"), Passwords("full")
    kept = await light.hash("correct horse battery", "ada@example.com")

    better = await full.rehash("correct horse battery", kept)

    assert better
    assert await full.match("correct horse battery", better)
    assert await full.rehash("correct horse battery", better) is None
    light.close()
    full.close()


async def test_who_checks_gives_way_to_who_answers() -> None:
    """As nice as it was told, or as its process is; the loop stays as it was."""
    passwords = Passwords("light")
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    there = await passwords._run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    passwords.close()

    assert there == max(NICE, before)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
