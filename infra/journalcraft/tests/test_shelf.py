"""The folder of a finished journal, and the books in it."""

import hashlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from journal_contracts.api import AssetView
from journal_contracts.product import Edition
from journalcraft.shelf import BookMissing, Damaged, books_among, make_folder, put, slug_of


def book(content: bytes, edition: Edition | None = Edition.JOURNAL) -> AssetView:
    return AssetView(
        name="whatever/../the-server-says.pdf",
        media_type="application/pdf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        href="/somewhere",
        edition=edition,
    )


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("theme", "slug"),
    [
        ("Journaling for Anxiety", "journaling-for-anxiety"),
        ("  Don't -- Panic! ", "dont-panic"),
        ("Für Käthe & Élise", "fur-kathe-elise"),
        ("日記", "journal"),
        ("../../etc/passwd", "etc-passwd"),
        ("a" * 50 + " " + "b" * 50, "a" * 50 + "-" + "b" * 9),
    ],
)
def test_a_theme_becomes_a_short_plain_slug(theme: str, slug: str) -> None:
    assert slug_of(theme) == slug


def test_a_taken_slug_gets_a_number(tmp_path: Path) -> None:
    made = [make_folder(tmp_path, "calm").name for _ in range(3)]

    assert made == ["calm", "calm-2", "calm-3"]


def test_a_reserved_slug_gets_a_number(tmp_path: Path) -> None:
    assert make_folder(tmp_path, slug_of("Reports")).name == "reports-2"


def test_a_file_of_that_name_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "calm").write_text("mine")

    assert make_folder(tmp_path, "calm").name == "calm-2"


def test_many_at_once_never_get_the_same_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: make_folder(tmp_path, "calm"), range(64)))

    assert len(set(made)) == 64


async def test_a_book_is_written_when_its_checksum_is_right(tmp_path: Path) -> None:
    place = tmp_path / "journal.pdf"

    await put(book(b"%PDF-1.7"), chunks(b"%PDF", b"-1.7"), place)

    assert place.read_bytes() == b"%PDF-1.7"
    assert os.listdir(tmp_path) == ["journal.pdf"]


async def test_a_damaged_book_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        await put(book(b"%PDF-1.7"), chunks(b"%PDF-1.8"), tmp_path / "journal.pdf")

    assert os.listdir(tmp_path) == []


def test_both_books_are_found_among_all_files() -> None:
    magnet, picture = book(b"magnet", Edition.LEAD_MAGNET), book(b"picture", None)

    assert list(books_among((picture, magnet, book(b"journal")))) == list(Edition)


def test_a_missing_book_is_named() -> None:
    with pytest.raises(BookMissing, match="lead_magnet"):
        books_among((book(b"journal"),))
