"""How a document is read: its bytes become parts of a few sentences, each with its place."""

import asyncio
import json
import re
import sys
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 600
SHORTEST: Final = 40
MOST_PARTS: Final = 2_000
PATIENCE: Final = 30.0
UNSEEN: Final = {"Cc", "Cf", "Co", "Cs", "Cn"}


class Unreadable(Exception):
    """The document cannot be used; the message says why, to its user."""


@dataclass(frozen=True)
class Part:
    """A few sentences of a document, and where they stand: "page 3"."""

    place: str
    text: str


async def read_plain(content: bytes) -> list[Part]:
    """Paragraphs, by their number."""
    paragraphs = re.split(r"\n\s*\n", _decoded(content))
    return _parts((f"paragraph {at}", text) for at, text in enumerate(paragraphs, 1))


async def read_markdown(content: bytes) -> list[Part]:
    """Paragraphs, by the heading above them."""
    return _parts(_under_headings(_decoded(content)))


async def read_pdf(content: bytes) -> list[Part]:
    """Pages, by their number, read in a process of its own that ends when it takes too long."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "agent_workers.sources.pdf"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, _ = await child.communicate(content)
    except TimeoutError as error:
        raise Unreadable("takes too long to read") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise Unreadable("cannot be read as a PDF")
    return _parts((f"page {at}", text) for at, text in enumerate(json.loads(out), 1))


def _under_headings(text: str) -> Iterator[tuple[str, str]]:
    heading = "the beginning"
    for block in re.split(r"\n\s*\n|(?=^#{1,6}\s)", text, flags=re.MULTILINE):
        first, _, rest = block.strip().partition("\n")
        named = re.match(r"#{1,6}\s+(.*)", first)
        if named:
            heading = f"“{_legible(named[1]).strip('# ')[:60]}”"
        said = rest if named else block
        yield heading, re.sub(r"[*_`#>]+|!?\[([^\]]*)\]\([^)]*\)", r"\1", said)


def _decoded(content: bytes) -> str:
    if b"\0" in content[:1_000]:
        raise Unreadable("is no text")
    return content.decode("utf-8", errors="replace")


def _parts(placed: Iterable[tuple[str, str]]) -> list[Part]:
    """Texts cut to the length of a passage; scraps are left out."""
    parts = [
        Part(place, piece)
        for place, text in placed
        for piece in _pieces(_legible(text))
        if len(piece) >= SHORTEST
    ][:MOST_PARTS]
    if not parts:
        raise Unreadable("holds no text")
    return parts


def _pieces(text: str) -> Iterator[str]:
    """Sentences put together as far as they fit."""
    piece = ""
    for sentence in re.split(r"(?<=[.!?…])\s+", text):
        for start in range(0, len(sentence), LONGEST):
            cut = sentence[start : start + LONGEST]
            if piece and len(piece) + len(cut) >= LONGEST:
                yield piece
                piece = ""
            piece = f"{piece} {cut}".strip()
    yield piece


def _legible(text: str) -> str:
    """What a reader sees: no control or format characters, single blanks."""
    seen = (" " if c.isspace() else c for c in text if c.isspace() or _is_seen(c))
    return " ".join("".join(seen).split())


def _is_seen(char: str) -> bool:
    return unicodedata.category(char) not in UNSEEN


READERS: Final[dict[str, Callable[[bytes], Awaitable[list[Part]]]]] = {
    "txt": read_plain,
    "md": read_markdown,
    "pdf": read_pdf,
}
"""By the ending of the name. To read another kind, write a reader and add a row."""
