"""A folder of documents, as it is handed in (R6.1a)."""

from pathlib import Path

import pytest

from journal_contracts.documents import LARGEST, MOST
from journalcraft.papers import UnfitPapers, papers_in


def test_what_can_be_read_is_taken_under_names_that_can_be_kept(tmp_path: Path) -> None:
    for name in ("Sleep diary (2).md", "notes.TXT", "photo.png", ".hidden.txt"):
        (tmp_path / name).write_text("A worry.")
    (tmp_path / "folder.pdf").mkdir()

    papers = papers_in(tmp_path)

    assert {name: file.name for name, file in papers.items()} == {
        "Sleep-diary-2-.md": "Sleep diary (2).md",
        "hidden.txt": ".hidden.txt",
        "notes.TXT": "notes.TXT",
    }


@pytest.mark.parametrize("what", ["nothing", "no folder", "too many", "too large", "alike"])
def test_what_cannot_be_handed_in_is_said_before_anything_is_started(
    what: str, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    if what != "no folder":
        folder.mkdir()
    match what:
        case "too many":
            for number in range(MOST + 1):
                (folder / f"{number}.txt").write_text("A worry.")
        case "too large":
            (folder / "large.txt").write_bytes(b"x" * (LARGEST + 1))
        case "alike":
            for name in ("a b.txt", "a+b.txt"):
                (folder / name).write_text("A worry.")

    with pytest.raises(UnfitPapers):
        papers_in(folder)
