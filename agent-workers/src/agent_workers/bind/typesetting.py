"""Typesetting: typst turns a galley into a PDF. Text travels as data and can never be markup."""

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import typst

from agent_workers.bind.galley import Galley, PageFormat, kind_of, set_up
from agent_workers.bind.glyphs import FONTS, refuse_foreign_script
from journal_contracts.artifacts import Layout, Manuscript, VisualStyle

TEMPLATE: Final = Path(__file__).parent / "template"


def bind(
    manuscript: Manuscript,
    pictures: Mapping[str, bytes],
    layout: Layout,
    style: VisualStyle,
    page: PageFormat,
    *,
    created: datetime,
) -> bytes:
    """The finished book as a PDF/UA-1 file, byte for byte the same for the same arguments.

    `pictures` maps requirement ids to SVG, PNG, JPEG, GIF or WebP; it may be empty where the page
    format has none. The first call in a process takes up to a second and memory that never comes
    back: a service prints through `Press`.
    """
    refuse_foreign_script(manuscript)
    return _typeset(set_up(manuscript, pictures, layout, style, page), created)


def can_be_set(picture: bytes) -> bool:
    """Whether a bitmap can be read to its end: one that cannot would spoil its whole book."""
    with tempfile.TemporaryDirectory(prefix="bindery-") as folder:
        bench = Path(folder)
        (bench / f"picture.{kind_of(picture)}").write_bytes(picture)
        (bench / "sheet.typ").write_text(f'#image("picture.{kind_of(picture)}", alt: "")')
        try:
            typst.compile(str(bench / "sheet.typ"), root=str(bench), font_paths=_fonts())
        except RuntimeError:
            return False
    return True


def _typeset(galley: Galley, created: datetime) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bindery-") as folder:
        bench = Path(folder)
        for part in TEMPLATE.glob("*.typ"):
            (bench / part.name).write_bytes(part.read_bytes())
        for name, picture in galley.files.items():
            (bench / name).write_bytes(picture)
        compiler = typst.Compiler(
            str(bench / "book.typ"),
            root=str(bench),
            font_paths=_fonts(),
            sys_inputs={"book": json.dumps(galley.data, ensure_ascii=False)},
        )
        printed = compiler.compile(
            format="pdf", pdf_standards=["ua-1"], timestamp=created.astimezone(UTC)
        )
    assert isinstance(printed, bytes)  # noqa: S101 - typst gives a list for png and svg only
    return printed


@cache
def _fonts() -> typst.Fonts:
    """Our own fonts and no others: not the system's, not those that typst carries."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]
    )
