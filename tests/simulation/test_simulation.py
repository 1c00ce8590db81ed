"""Nothing breaks the saga: lives of the whole platform, each from a seed (R3.2c, R9.1d)."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from .fate import FAULTS
from .world import Life, live

LIVES = 300
MANY, TOGETHER = 10_000, 250


def live_all(seeds: range) -> Counter[str]:
    """Live through these seeds; what struck in them."""
    struck: Counter[str] = Counter()
    for seed in seeds:
        life = live(seed)
        assert not life.broken, story(seed, life)
        struck.update(life.struck)
    return struck


def story(seed: int, life: Life) -> str:
    """What to read, and how to see it happen."""
    how = f"seed={seed}: python -m tests.simulation {seed} tells all of it"
    return "\n".join((how, *life.broken[:10]))


@pytest.mark.timeout(600)
def test_every_promise_holds_whatever_strikes() -> None:
    struck = live_all(range(LIVES))

    assert struck.keys() == FAULTS.keys()


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(LIVES, MANY, TOGETHER))
def test_every_promise_holds_ten_thousand_times(first: int) -> None:
    live_all(range(first, first + TOGETHER))


@pytest.mark.parametrize("seed", [4, 49, 85, 110, 139, 172])
def test_the_same_seed_is_the_same_life(seed: int) -> None:
    """Nothing goes by a clock or by chance of the machine's own."""
    first, second = live(seed), live(seed)

    assert first.log == second.log


def test_a_seed_is_the_same_life_in_any_process() -> None:
    """Also where strings hash otherwise: nothing goes by the order of a set."""
    told = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", "4"],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            stdout=subprocess.PIPE,
        )
        for hashes in ("1", "2")
    ]
    first, second = (process.communicate()[0] for process in told)

    assert first == second
    assert [process.returncode for process in told] == [0, 0]
    assert len(first.splitlines()) > 100
