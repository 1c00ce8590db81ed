"""Work beside the requests: begun again when it fails, gone when its block is left."""

import asyncio

import pytest
from structlog.typing import EventDict

from chassis import jobs

PATIENCE = 10


async def test_failing_work_is_begun_again(
    monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
) -> None:
    monkeypatch.setattr(jobs, "FIRST_PAUSE", 0.001)
    tries = 0
    done = asyncio.Event()

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise RuntimeError("no luck")
        done.set()
        await asyncio.Event().wait()

    async with jobs.running("work", work):
        await asyncio.wait_for(done.wait(), PATIENCE)

    assert tries == 4
    assert [(e["event"], e["job"]) for e in logs] == 3 * [("job_failed", "work")]


async def test_a_failure_after_long_good_work_is_the_first_again(logs: list[EventDict]) -> None:
    worked = iter([0.0, 1.0, jobs.STEADY - 1, jobs.STEADY, 2.0])
    now = 0.0
    pauses: list[float] = []
    over = asyncio.Event()

    async def work() -> None:
        nonlocal now
        seconds = next(worked, None)
        if seconds is None:
            over.set()
            await asyncio.Event().wait()
        else:
            now += seconds
            raise RuntimeError("no luck")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with jobs.running("work", work, clock=lambda: now, sleep=sleep):
        await asyncio.wait_for(over.wait(), PATIENCE)

    assert pauses == [0.2, 0.4, 0.8, 0.2, 0.4]


async def test_work_ends_with_its_block() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with jobs.running("work", work):
        await asyncio.wait_for(begun.wait(), PATIENCE)

    assert ended.is_set()


async def test_an_error_in_the_block_is_not_hidden_by_the_work() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(KeyError, match="mine"):
        async with jobs.running("work", work):
            raise KeyError("mine")


@pytest.mark.parametrize("turns", range(6))
async def test_work_that_is_woken_as_its_block_ends_still_ends(turns: int) -> None:
    """Whichever comes first, and however few turns of the loop lie between."""
    event = asyncio.Event()

    async def work() -> None:
        while True:
            event.clear()
            await jobs.woken(event, within=PATIENCE)

    async with asyncio.timeout(PATIENCE):
        async with jobs.running("work", work):
            await asyncio.sleep(0.01)
            event.set()
            for _ in range(turns):
                await asyncio.sleep(0)
