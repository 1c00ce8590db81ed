"""The galley: a manuscript as the plain data the template sets, with nothing left to decide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from agent_workers.bind.glyphs import printable
from agent_workers.bind.inks import inks
from agent_workers.bind.labels import labels_in
from journal_contracts.artifacts import Day, ImageRequirement, Layout, Manuscript, VisualStyle
from journal_contracts.product import BOOKS, Edition, Stage, stage_of

FALLBACKS: Final = ("Source Serif 4", "Lora", "Nunito", "Playfair Display")
LONGEST_WORD: Final = 24
MAGIC: Final = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"RIFF": "webp",
}

SIX_DAYS: Final = {
    r"\b30(?=[- ](?:\w+[- ]){0,2}?(?:Day|Text|Question|Warm|Prompt))": "6",
    r"\bThirty(?=[- ](?:\w+[- ]){0,2}?(?:Day|Text|Question|Page|Notebook))": "Six",
    r"\bTen(?= Days to Notice|\b to (?:Understand|Try))": "Two",
    r"\bA Month of\b": "Six Days of",
    r"\bOne-Month\b": "Six-Day",
    r"\bEvery Day of the Month\b": "Every Day",
}
"""What a title of thirty days says, and what the six-day book says in its place (English)."""

Data = dict[str, Any]


@dataclass(frozen=True)
class PageFormat:
    """A page size, and whether the book has pictures."""

    name: Literal["6x9", "a4", "letter"]
    pictures: bool


class PictureMissing(KeyError):
    """A book with pictures was to be bound, and one was not given."""


@dataclass(frozen=True)
class Galley:
    """Everything the template needs: its data, and the picture files it names."""

    data: Data
    files: dict[str, bytes]


def set_up(
    manuscript: Manuscript,
    pictures: Mapping[str, bytes],
    layout: Layout,
    style: VisualStyle,
    page: PageFormat,
) -> Galley:
    """Raises `PictureMissing` for a requirement without a picture."""
    files: dict[str, bytes] = {}
    shown: dict[str, Data] = {}
    for at, requirement in enumerate(manuscript.pictures if page.pictures else ()):
        name, picture = _file(at, requirement, pictures)
        files[name] = picture
        shown[requirement.id] = {
            "file": name,
            "alt": printable(requirement.alt),
            "calm": _is_calm(picture),
        }
    return Galley(_book(manuscript, layout, style, page) | _texts(manuscript, shown), files)


def _file(
    at: int, requirement: ImageRequirement, pictures: Mapping[str, bytes]
) -> tuple[str, bytes]:
    try:
        picture = pictures[requirement.id]
    except KeyError:
        raise PictureMissing(requirement.id) from None
    return f"picture-{at}.{kind_of(picture)}", picture


def kind_of(picture: bytes) -> str:
    """How typst has to be told to read it."""
    return next((kind for magic, kind in MAGIC.items() if picture.startswith(magic)), "svg")


def _is_calm(picture: bytes) -> bool:
    """Whether the painter kept the upper part of a cover free for its title."""
    return b'data-calm="top"' in picture[:400]


def _book(manuscript: Manuscript, layout: Layout, style: VisualStyle, page: PageFormat) -> Data:
    language, _, region = manuscript.language.replace("_", "-").partition("-")
    return {
        "page": page.name,
        "pictures": page.pictures,
        "head_fonts": _fonts(layout.heading_font),
        "body_fonts": _fonts(layout.body_font),
        "ornament": layout.ornament,
        "shape": layout.picture_shape,
        "colours": inks(style),
        "language": language.lower() if re.fullmatch("[A-Za-z]{2,3}", language) else "en",
        "region": region.upper() if re.fullmatch("[A-Za-z]{2}", region) else "",
        "labels": labels_in(manuscript.language),
        "sample": manuscript.sample_text,
    }


def _fonts(first: str) -> list[str]:
    return list(dict.fromkeys((first, *FALLBACKS)))


def _texts(manuscript: Manuscript, shown: Mapping[str, Data]) -> Data:
    frame, edition = manuscript.frame, manuscript.edition

    def line(text: str) -> str:
        return _line(text, manuscript.language)

    def paragraphs(text: str) -> list[str]:
        return [line(part) for part in text.splitlines() if part.strip()]

    return {
        "edition": edition.value,
        "title": line(_named_for(edition, manuscript.title.text)),
        "full_title": line(manuscript.title.text),
        "subtitle": line(_named_for(edition, manuscript.title.subtitle)),
        "theme": line(manuscript.theme),
        "quote": line(frame.quote.text),
        "attribution": line(frame.quote.attribution),
        "intro": paragraphs(frame.intro),
        "commitment": paragraphs(frame.commitment),
        "notice": paragraphs(manuscript.notice),
        "certificate": paragraphs(frame.certificate),
        "closing": paragraphs(frame.closing),
        "cover_picture": shown.get(frame.cover_picture.id),
        "intro_picture": shown.get(frame.intro_picture.id),
        "certificate_picture": shown.get(frame.certificate_picture.id),
        "stages": [_stage(edition, stage) for stage in Stage],
        "days": [
            _day(edition, day, shown)
            | {
                "heading": line(day.heading),
                "warm_up": paragraphs(day.warm_up),
                "question": line(day.question),
            }
            for day in manuscript.days
        ],
    }


def _named_for(edition: Edition, title: str) -> str:
    """The title as this book may bear it: the small one promises no thirty days."""
    if edition is Edition.LEAD_MAGNET:
        for pattern, shorter in SIX_DAYS.items():
            title = re.sub(pattern, shorter, title)
    return title


def _stage(edition: Edition, stage: Stage) -> Data:
    days = [day for day in range(1, BOOKS[edition].days + 1) if stage_of(edition, day) is stage]
    return {"name": stage.value, "first": days[0], "last": days[-1]}


def _day(edition: Edition, day: Day, shown: Mapping[str, Data]) -> Data:
    left, right = day.pictures
    return {
        "day": day.day,
        "stage": day.stage.value,
        "mode": day.mode.value,
        "lines": day.lines,
        "opens_stage": day.day == 1
        or stage_of(edition, day.day) is not stage_of(edition, day.day - 1),
        "left": shown.get(left.id),
        "right": shown.get(right.id),
    }


def _line(text: str, language: str) -> str:
    """One line as it is set: no stray spaces, printers' quotes, and no word too long to break."""
    text = printable(" ".join(text.split()))
    opening, closing = ("„", "“") if language.lower().startswith("de") else ("“", "”")
    text = re.sub(r'(^|[\s(\[—–-])"', rf"\1{opening}", text).replace('"', closing)
    text = re.sub(r"(^|[\s(\[—–“„])'(?=\w[^']*\w'(?:\W|$))", r"\1‘", text).replace("'", "’")
    return re.sub(rf"\S{{{LONGEST_WORD + 1},}}", _breakable, text)


def _breakable(word: re.Match[str]) -> str:
    """Soft hyphens in a run of letters that no dictionary can break."""
    return "\u00ad".join(re.findall(r".{1,9}", word.group()))
