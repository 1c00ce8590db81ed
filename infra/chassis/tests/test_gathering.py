"""Small writes go together, and each fails by its own fault alone."""

import asyncio
from collections.abc import Sequence

import pytest

from chassis.gathering import Gathering


class Book:
    """Takes numbers, but none below zero; `open` lets writing go on."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.open = asyncio.Event()

    async def write(self, numbers: Sequence[int]) -> None:
        await self.open.wait()
        self.calls.append(list(numbers))
        if min(numbers) < 0:
            raise ValueError("below zero")


async def test_what_comes_while_one_write_is_under_way_goes_with_the_next() -> None:
    book = Book()
    gathering = Gathering(book.write, most=3)
    first = asyncio.create_task(gathering.add(0))
    for _ in range(3):
        await asyncio.sleep(0)

    others = [asyncio.create_task(gathering.add(n)) for n in range(1, 6)]
    await asyncio.sleep(0)
    book.open.set()
    await asyncio.gather(first, *others)

    assert book.calls == [[0], [1, 2, 3], [4, 5]]


async def test_what_cannot_be_written_fails_alone() -> None:
    book = Book()
    book.open.set()
    gathering = Gathering(book.write)

    ends = await asyncio.gather(*(gathering.add(n) for n in (1, -2, 3)), return_exceptions=True)

    assert [type(end) for end in ends] == [type(None), ValueError, type(None)]
    assert book.calls == [[1, -2, 3], [1], [-2], [3]]


async def test_who_goes_away_does_not_keep_the_others_from_being_written() -> None:
    book = Book()
    gathering = Gathering(book.write)
    gone, stays = (asyncio.create_task(gathering.add(n)) for n in (1, 2))
    await asyncio.sleep(0)

    gone.cancel()
    book.open.set()

    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
    await gathering.add(3)
    assert book.calls == [[1, 2], [3]]
