"""Two tabs answer oppositely at once, and their gateway dies with the verdict (R2.2c)."""

from pathlib import Path

import pytest

from journalcraft.servers import Addresses

from .opposite import WAYS, Outcome, Size, play

FULL = Size(users=20, rounds=25, deadly=4)
SMALL = Size(users=10, rounds=2, deadly=2)


def judge(outcome: Outcome) -> None:
    """One answer counts, the journal goes on once, and each tab knows what became of its own.

    What was closed before a tab came is in its snapshot, or told once more after it.
    """
    assert len(outcome.closed) == 1
    assert outcome.resumed == 1
    ((holds, by),) = outcome.closed
    for told, own in zip(outcome.told, WAYS, strict=True):
        assert (told.option, told.by) == (holds, by)
        if outcome.late:
            assert told.result == "expired"
        elif own == holds:
            assert told.result in ("accepted", "already")
        else:
            assert told.result == "conflict"
    assert by == ("default" if outcome.late else "user")
    assert outcome.heard in ((0, 1) if outcome.late else (1,))


async def answered(size: Size, folder: Path, addresses: Addresses, database: str) -> list[Outcome]:
    outcomes, deaths = await play(size, folder, addresses, database)

    assert deaths == -(-size.rounds // size.deadly)
    for outcome in outcomes:
        judge(outcome)
    return outcomes


@pytest.mark.usefixtures("drained")
async def test_of_two_opposite_answers_one_counts_and_both_are_told(
    tmp_path: Path, addresses: Addresses, database_url: str
) -> None:
    outcomes = await answered(SMALL, tmp_path, addresses, database_url)

    assert len(outcomes) == 20
    assert sum(outcome.late for outcome in outcomes) == 2


@pytest.mark.deep
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("drained")
async def test_of_500_pairs_of_opposite_answers_one_each_counts(
    tmp_path: Path, addresses: Addresses, database_url: str
) -> None:
    assert len(await answered(FULL, tmp_path, addresses, database_url)) == 500
