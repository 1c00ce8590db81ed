"""A folder of documents as the platform will keep them: which files, and under which names."""

from pathlib import Path

from journal_client.client import Client
from journal_contracts.documents import KINDS, LARGEST, MOST, kind_of, name_of


class UnfitPapers(ValueError):
    """The folder holds nothing that can be read, or too much; the message says what."""


def papers_in(folder: Path) -> dict[str, Path]:
    """The files that can be read, by the names they get; those of another kind are passed over."""
    if not folder.is_dir():
        raise UnfitPapers(f"{folder} is no folder.")
    files = sorted(file for file in folder.iterdir() if file.is_file() and kind_of(file.name))
    if not files:
        raise UnfitPapers(f"{folder} holds none of the kinds we read: {', '.join(KINDS)}.")
    if len(files) > MOST:
        raise UnfitPapers(f"{folder} holds {len(files)} documents; at most {MOST} are read.")
    for file in files:
        if file.stat().st_size > LARGEST:
            raise UnfitPapers(f"{file} is larger than {LARGEST:,} bytes.")
    named = {name_of(file.name): file for file in files}
    if len(named) < len(files):
        raise UnfitPapers(f"Two files in {folder} would get the same name.")
    return named


async def hand_in(client: Client, papers: dict[str, Path]) -> None:
    """Give the documents to the platform; one that is there already is replaced."""
    for name, file in papers.items():
        await client.keep_document(name, file.read_bytes())
