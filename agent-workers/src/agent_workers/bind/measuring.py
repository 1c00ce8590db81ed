"""What a finished PDF holds, counted on the file itself and without the typesetter's help."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject

from journal_contracts.checks import words

BROKEN_WORD: Final = re.compile(r"[-\u00ad\u2010]\s*\n\s*(?=[^\W\d_])")


@dataclass(frozen=True)
class Measured:
    """Pages, all words (the house's own included), and figures that a screen reader announces."""

    pages: int
    words: int
    figures: int


def measure(pdf: bytes) -> Measured:
    """Counts with pypdf. A word broken at the end of a line is one word."""
    reader = PdfReader(io.BytesIO(pdf))
    text = "\n".join(page.extract_text() for page in reader.pages)
    return Measured(
        pages=len(reader.pages),
        words=len(words(BROKEN_WORD.sub("", text))),
        figures=sum(1 for element in elements(reader) if element.get("/S") == "/Figure"),
    )


def elements(reader: PdfReader) -> Iterator[DictionaryObject]:
    """Every element of the structure tree, in reading order."""
    root: Any = reader.trailer["/Root"]
    tree = root.get("/StructTreeRoot")
    waiting = [tree.get_object()] if tree is not None else []
    while waiting:
        element = waiting.pop()
        if "/S" in element:
            yield element
        waiting += reversed(list(_children(element)))


def _children(element: DictionaryObject) -> Iterator[DictionaryObject]:
    below = element.get("/K")
    below = below.get_object() if below is not None else None
    for child in below if isinstance(below, ArrayObject) else [below]:
        found = child.get_object() if child is not None else None
        if isinstance(found, DictionaryObject) and found.get("/Type") not in {"/MCR", "/OBJR"}:
            yield found
