"""One theme becomes two books, typed as a person types it (R1.1, R2.2b-c, R4.1, R6.2a)."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journal_contracts.checks import words
from journal_contracts.product import BOOKS, QUESTION_WORDS, WARM_UP_WORDS, Edition
from journalcraft.platform import Platform

from .printed import Printed

THEME = "Journaling for Anxiety"


def craft(platform: Platform, out: Path, *typed: str) -> Path:
    """The folder that `journalcraft craft` makes on a platform that runs."""
    command = Path(sys.executable).with_name("journalcraft")
    told = subprocess.run(
        [command, "craft", *typed, "--out", out, "--state", platform.state],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return max(out.iterdir(), key=lambda folder: folder.stat().st_ctime)


@pytest.fixture(scope="module")
def folder(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return craft(platform, tmp_path_factory.mktemp("out"), THEME)


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


@pytest.fixture(scope="module", params=[str(edition) for edition in Edition])
def edition(request: pytest.FixtureRequest) -> Edition:
    return Edition(request.param)


@pytest.fixture(scope="module")
def told(manifest: dict[str, Any], edition: Edition) -> dict[str, Any]:
    return next(book for book in manifest["books"] if book["edition"] == edition)


@pytest.fixture(scope="module")
def book(folder: Path, told: dict[str, Any]) -> Printed:
    return Printed(folder / told["file"])


def test_the_manifest_tells_the_truth_about_the_files(
    folder: Path, told: dict[str, Any], book: Printed
) -> None:
    content = (folder / told["file"]).read_bytes()

    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["bytes"] == len(content)
    assert told["pages"] == book.pages
    assert told["figures"] == len(book.alt_texts)


def test_a_book_has_the_pages_and_figures_of_the_product(book: Printed, edition: Edition) -> None:
    assert book.pages == BOOKS[edition].pages
    assert len(book.alt_texts) == BOOKS[edition].pictures
    assert all(book.alt_texts)


def test_every_day_has_a_warm_up_of_the_ordered_length(book: Printed, edition: Edition) -> None:
    lengths = {day: len(book.warm_up(day)) for day in range(1, BOOKS[edition].days + 1)}

    least, most = WARM_UP_WORDS
    assert {day: n for day, n in lengths.items() if not least <= n <= most} == {}


def test_every_day_asks_a_question_of_its_own(book: Printed, edition: Edition) -> None:
    questions = [book.question(day) for day in range(1, BOOKS[edition].days + 1)]

    assert len(set(questions)) == BOOKS[edition].days
    least, most = QUESTION_WORDS
    assert all(least <= len(words(q)) <= most and q.count("?") == 1 for q in questions), questions


def test_every_right_page_has_lines_to_write_on(book: Printed, edition: Edition) -> None:
    assert {book.ruled_lines(day) for day in range(1, BOOKS[edition].days + 1)} == {25}


def test_theme_and_title_are_printed_and_no_placeholder_is(
    book: Printed, manifest: dict[str, Any]
) -> None:
    assert manifest["title"] in book.text
    assert "anxiety" in book.text.lower()
    assert "Sample text, written offline" in book.text
    assert book.brackets <= {"[Name]", "[Date]"}


def test_the_manifest_says_who_chose_and_what_it_cost(manifest: dict[str, Any]) -> None:
    assert {made["id"]: made["chosen_by"] for made in manifest["decisions"]} == dict.fromkeys(
        ("author_style", "title", "pictures", "format"), "default"
    )
    assert manifest["model"] == "offline-writer"
    assert manifest["sample_text"] is True
    assert manifest["pictures"] == {"procedural": 78}
    assert manifest["research"] == {"insights": 15, "own": 15, "documents": {}, "left_out": {}}
    assert manifest["usage"]["calls"] > 20
    assert float(manifest["usage"]["cost"]) == 0
    assert {phase["status"] for phase in manifest["phases"]} == {"done"}


def test_a_taken_folder_gets_a_number_and_another_size_is_set(
    platform: Platform, folder: Path
) -> None:
    other = craft(platform, folder.parent, THEME, "--plan", "express", "--format", "a4-plain")

    assert other.name == f"{folder.name}-2"
    book = Printed(other / "journal.pdf")
    assert book.pages == BOOKS[Edition.JOURNAL].pages
    assert book.alt_texts == []
    width, height = book.document[0].get_size()
    assert (round(width), round(height)) == (595, 842)
