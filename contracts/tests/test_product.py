"""The product's arithmetic (domain.md: stages, weekdays, shares, batches, pictures)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal_contracts.product import (
    BOOKS,
    Edition,
    Mode,
    Stage,
    batches,
    mode_of,
    picture_ids,
    share_out,
    shares,
    stage_of,
)


@pytest.mark.parametrize(("count", "wanted"), [(5, [2, 2, 1]), (15, [5, 5, 5]), (25, [8, 9, 8])])
def test_insights_are_shared_out_by_largest_remainder(count: int, wanted: list[int]) -> None:
    assert list(shares(count).values()) == wanted


@given(st.integers(5, 40), st.sampled_from(Edition))
def test_every_insight_is_used_and_no_day_is_without(count: int, edition: Edition) -> None:
    ids = [f"i{n}" for n in range(count)]

    days = share_out(edition, ids)

    assert set().union(*days.values()) == set(ids)
    assert all(days.values())
    assert list(days) == list(range(1, BOOKS[edition].days + 1))


def test_without_research_no_day_names_an_insight() -> None:
    assert set(share_out(Edition.JOURNAL, []).values()) == {()}


def test_a_third_of_a_book_is_a_stage() -> None:
    assert [stage_of(Edition.JOURNAL, day) for day in (1, 10, 11, 20, 21, 30)] == [
        Stage.IDENTIFY, Stage.IDENTIFY, Stage.DOCUMENT, Stage.DOCUMENT, Stage.ACTION, Stage.ACTION,
    ]  # fmt: skip
    assert [stage_of(Edition.LEAD_MAGNET, day) for day in range(1, 7)] == [
        Stage.IDENTIFY, Stage.IDENTIFY, Stage.DOCUMENT, Stage.DOCUMENT, Stage.ACTION, Stage.ACTION,
    ]  # fmt: skip


def test_weekends_reflect_and_day_one_is_a_monday() -> None:
    assert [day for day in range(1, 15) if mode_of(day) is Mode.REFLECT] == [6, 7, 13, 14]


@given(st.integers(1, 90))
def test_batches_hold_every_day_once_and_at_most_five(days: int) -> None:
    found = batches(days)

    assert [day for run in found for day in run] == list(range(1, days + 1))
    assert max(map(len, found)) <= 5


@pytest.mark.parametrize(("edition", "wanted"), [(Edition.JOURNAL, 63), (Edition.LEAD_MAGNET, 15)])
def test_a_book_needs_so_many_pictures(edition: Edition, wanted: int) -> None:
    assert len(set(picture_ids(edition))) == wanted == BOOKS[edition].pictures
