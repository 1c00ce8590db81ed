"""What is imported stays, and the collector passes over it."""

import gc

import pytest

from chassis.imports import staying


def test_what_is_made_meanwhile_is_not_looked_at_again() -> None:
    before = gc.get_freeze_count()

    with staying():
        assert not gc.isenabled()
        made = [[number] for number in range(1_000)]

    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)
    assert not any(each is made for each in gc.get_objects())


def test_an_import_that_fails_leaves_the_collector_at_work() -> None:
    with pytest.raises(ImportError), staying():
        raise ImportError("no such thing")

    assert gc.isenabled()
