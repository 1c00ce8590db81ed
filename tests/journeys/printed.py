"""A printed book, read with another tool than the one that made it (PDFium, and pypdf for tags)."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pypdf
import pypdfium2
from pypdfium2 import raw

from journal_contracts import checks

FOOT: Final = re.compile(r"Identify · Document · Action")
FIRST_DAY_PAGE: Final = 6


@dataclass(frozen=True)
class Printed:
    """One PDF; pages and days are counted from 1."""

    file: Path

    @cached_property
    def document(self) -> pypdfium2.PdfDocument:
        return pypdfium2.PdfDocument(self.file)

    @property
    def pages(self) -> int:
        return len(self.document)

    @cached_property
    def text(self) -> str:
        """Everything that is printed, with typographic quotes made plain."""
        pages = (page.get_textpage().get_text_bounded() for page in self.document)
        return _plain("\n".join(pages))

    def warm_up(self, day: int) -> list[str]:
        """The words of a left page that are set in its commonest size: the running text."""
        page = self.document[_left(day) - 1].get_textpage()
        sizes = [
            round(raw.FPDFText_GetFontSize(page.raw, at), 1) for at in range(page.count_chars())
        ]
        body = Counter(sizes).most_common(1)[0][0]
        characters = page.get_text_range()
        kept = "".join(c for c, size in zip(characters, sizes, strict=False) if size == body)
        return checks.words(_plain(kept))

    def question(self, day: int) -> str:
        """What a right page asks."""
        lines = self.document[_left(day)].get_textpage().get_text_bounded().splitlines()
        return _plain(" ".join(line for line in lines if not FOOT.search(line)))

    def ruled_lines(self, day: int) -> int:
        """Flat paths wider than 70 % of a right page."""
        page = self.document[_left(day)]
        paths = page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH])
        bounds = (path.get_bounds() for path in paths)
        return sum(
            right - left > 0.7 * page.get_width() and top - bottom < 2
            for left, bottom, right, top in bounds
        )

    @cached_property
    def alt_texts(self) -> list[str]:
        """The alternative text of every tagged figure."""
        reader = pypdf.PdfReader(self.file)
        found: list[str] = []
        waiting: list[Any] = [reader.root_object["/StructTreeRoot"]]
        while waiting:
            node = waiting.pop().get_object()
            if isinstance(node, pypdf.generic.ArrayObject):
                waiting.extend(node)
            elif isinstance(node, pypdf.generic.DictionaryObject):
                if node.get("/S") == "/Figure":
                    found.append(str(node.get("/Alt", "")))
                if "/K" in node:
                    waiting.append(node["/K"])
        return found

    @property
    def brackets(self) -> set[str]:
        return set(re.findall(r"\[[^\]]*\]|[{}<>]", self.text))


def _left(day: int) -> int:
    """The page on which a day begins: left pages are even."""
    return FIRST_DAY_PAGE + 2 * (day - 1)


def _plain(text: str) -> str:
    """Quotes made plain, and words that were broken at the end of a line made whole."""
    whole = re.sub(r"(?:\ufffe|\x02|\u00ad|-)\s*[\r\n]+(?=[a-z])", "", text)
    return re.sub(r"\s+", " ", whole.translate(str.maketrans("’‘“”", "''\"\"")))
