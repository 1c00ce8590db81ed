"""Passwords are checked off the event loop, and a crowd is turned away rather than queued."""

import asyncio

import pytest

from auth_service.passwords import LONGEST_QUEUE, PasswordCheckBusy, Passwords


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

    kept = await passwords.hash("correct horse battery")

    assert await passwords.match("correct horse battery", kept)
    assert not await passwords.match("correct horse battery", None)
    passwords.close()
