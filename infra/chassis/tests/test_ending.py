"""A service that is over does not stay, whatever its libraries still try (R9.1c)."""

import asyncio

from chassis.web import end_the_rest


async def test_what_takes_no_for_a_failed_attempt_ends_all_the_same() -> None:
    attempts: list[int] = []

    async def connecting() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                attempts.append(len(attempts))
            if len(attempts) == 3:
                await asyncio.sleep(60)

    task = asyncio.create_task(connecting())
    await asyncio.sleep(0)

    await end_the_rest()

    assert task.cancelled()
    assert attempts == [0, 1, 2]
