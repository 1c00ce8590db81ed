"""Which bytes are handed out, and what is said about them."""

import pytest

from chassis.ids import new_id, now
from media_service.delivery import Span, Unsatisfiable, headers_for, is_known, span_wanted
from media_service.store import Asset

TAG = '"abc"'


def asset(media_type: str = "application/pdf") -> Asset:
    return Asset(
        id=new_id(),
        user_id=new_id(),
        journal_id=new_id(),
        name="journal.pdf",
        media_type=media_type,
        bytes=100,
        sha256="abc",
        key="k",
        attempt=1,
        created_at=now(),
    )


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=0-9", Span(0, 9)),
        ("bytes=90-", Span(90, 99)),
        ("bytes=90-5000", Span(90, 99)),
        ("bytes=-10", Span(90, 99)),
        ("bytes=-5000", Span(0, 99)),
        ("bytes=99-99", Span(99, 99)),
    ],
)
def test_gives_the_range_that_was_asked_for(wanted: str, span: Span) -> None:
    assert span_wanted({"range": wanted}, asset()) == span


@pytest.mark.parametrize(
    "wanted",
    ["", "bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=٣-٤"],
)
def test_gives_the_whole_file_where_no_single_range_was_asked_for(wanted: str) -> None:
    assert span_wanted({"range": wanted}, asset()) is None


def test_gives_the_whole_file_where_a_number_is_absurd() -> None:
    assert span_wanted({"range": f"bytes={'9' * 5000}-"}, asset()) is None


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_refuses_a_range_beyond_the_end(wanted: str) -> None:
    with pytest.raises(Unsatisfiable):
        span_wanted({"range": wanted}, asset())


def test_gives_a_range_only_of_the_version_that_was_begun() -> None:
    same = {"range": "bytes=0-9", "if-range": TAG}
    other = {"range": "bytes=0-9", "if-range": '"older"'}

    assert span_wanted(same, asset()) == Span(0, 9)
    assert span_wanted(other, asset()) is None


@pytest.mark.parametrize("named", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
def test_knows_bytes_by_their_tag(named: str) -> None:
    assert is_known({"if-none-match": named}, asset())


@pytest.mark.parametrize("named", ["", '"x"', "abc"])
def test_does_not_mistake_other_bytes_for_these(named: str) -> None:
    assert not is_known({"if-none-match": named}, asset())


def test_saves_books_and_shows_pictures_in_a_sandbox() -> None:
    book, picture = headers_for(asset()), headers_for(asset("image/svg+xml"))

    assert book["Content-Disposition"] == 'attachment; filename="journal.pdf"'
    assert picture["Content-Disposition"].startswith("inline")
    assert picture["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert book["X-Content-Type-Options"] == picture["X-Content-Type-Options"] == "nosniff"
