"""The painter: every picture different, every picture the same again, and none of them unsafe."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from agent_workers.paint import paint
from agent_workers.paint.canvas import MOST_SHAPES
from agent_workers.paint.icons import ICONS, SPOKEN, named_in
from agent_workers.paint.motifs import MOTIFS
from journal_contracts.artifacts import ImageRequirement, VisualStyle
from journal_contracts.product import BOOKS, Edition

STYLE = VisualStyle(
    name="Sage morning",
    paper="#faf6ee",
    pale="#dfe6d3",
    mid="#a3b899",
    strong="#5f7f68",
    ink="#2b3a33",
    motifs=("hills", "waves", "leaves", "orbits", "paths", "petals"),
)
SUBJECTS = [
    "quiet",
    "a cup of tea",
    "a tree on a hill",
    "a boat at night",
    "the way home",
    "a bird",
]
SVG = "{http://www.w3.org/2000/svg}"


def requirement(place: str, subject: str = "quiet") -> ImageRequirement:
    return ImageRequirement(id=place, subject=subject, alt="a picture")


def places(edition: Edition) -> Iterator[str]:
    for name in ("cover", "intro", "certificate"):
        yield f"{edition}-{name}"
    for day in range(1, BOOKS[edition].days + 1):
        yield f"{edition}-day-{day:02d}-left"
        yield f"{edition}-day-{day:02d}-right"


def order(seed: str, style: VisualStyle = STYLE) -> list[str]:
    wanted = [place for edition in Edition for place in places(edition)]
    subjects = (SUBJECTS[at % len(SUBJECTS)] for at in range(len(wanted)))
    return [
        paint(requirement(place, subject), style, seed)
        for place, subject in zip(wanted, subjects, strict=True)
    ]


def test_paints_78_different_pictures_for_an_order() -> None:
    pictures = order("seed")

    assert len(pictures) == len(set(pictures)) == 78


def test_paints_different_pictures_even_where_all_subjects_are_the_same() -> None:
    wanted = [place for edition in Edition for place in places(edition)]

    pictures = {paint(requirement(place, "a lamp"), STYLE, "seed") for place in wanted}

    assert len(pictures) == 78


def test_paints_the_same_picture_again() -> None:
    assert order("seed") == order("seed")


def test_another_seed_gives_other_pictures() -> None:
    assert not set(order("one")) & set(order("other"))


@pytest.mark.parametrize("motif", sorted(MOTIFS))
def test_every_picture_is_small_and_well_formed(motif: str) -> None:
    style = STYLE.model_copy(update={"motifs": (motif, motif)})

    for picture in order("seed", style):
        root = ElementTree.fromstring(picture)  # noqa: S314 - our own drawing
        shapes = [
            el for el in root.iter() if el.tag.removeprefix(SVG) in {"path", "circle", "rect"}
        ]
        assert len(picture.encode()) < 12_000
        assert 2 <= len(shapes) <= MOST_SHAPES
        assert "nan" not in picture


def test_pictures_hold_shapes_and_gradients_only() -> None:
    allowed = {
        "svg",
        "defs",
        "g",
        "path",
        "circle",
        "rect",
        "stop",
        "linearGradient",
        "radialGradient",
    }

    for picture in order("seed"):
        root = ElementTree.fromstring(picture)  # noqa: S314 - our own drawing
        assert {el.tag.removeprefix(SVG) for el in root.iter()} <= allowed
        assert "href" not in picture


@pytest.mark.parametrize(
    "hostile", ['"/><script>alert(1)</script>', "]]>&xxe;", "</svg>\0\ud7ff", "日本 🎈"]
)
def test_no_subject_gets_into_the_picture(hostile: str) -> None:
    picture = paint(requirement("journal-day-07-left", hostile), STYLE, hostile)

    ElementTree.fromstring(picture)  # noqa: S314 - our own drawing
    assert "script" not in picture
    assert hostile not in picture


def test_each_place_has_its_form() -> None:
    forms = {
        place: re.findall(r'viewBox="0 0 (\d+) (\d+)"', paint(requirement(place), STYLE, "seed"))[0]
        for place in (
            "journal-cover",
            "journal-intro",
            "journal-day-07-left",
            "journal-day-07-right",
            "lead_magnet-certificate",
        )
    }

    assert forms == {
        "journal-cover": ("600", "900"),
        "journal-intro": ("400", "500"),
        "journal-day-07-left": ("600", "400"),
        "journal-day-07-right": ("240", "240"),
        "lead_magnet-certificate": ("750", "300"),
    }


def test_an_unknown_place_is_painted_as_a_left_page() -> None:
    assert 'viewBox="0 0 600 400"' in paint(requirement("somewhere"), STYLE, "seed")


@pytest.mark.parametrize(
    ("subject", "thing"),
    [
        ("Two candles on a sill", "candle"),
        ("an OPEN door", "door"),
        ("small leaves", None),
        ("", None),
    ],
)
def test_knows_the_thing_a_subject_names(subject: str, thing: str | None) -> None:
    named = named_in(subject)

    assert (named.name if named else None) == thing


def test_the_subject_shows_in_the_picture() -> None:
    cup = paint(requirement("journal-day-07-left", "a cup"), STYLE, "seed")
    bell = paint(requirement("journal-day-07-left", "a bell"), STYLE, "seed")

    assert cup != bell


def test_every_thing_can_be_named_and_drawn() -> None:
    assert set(SPOKEN) == set(ICONS)
    for name, words in SPOKEN.items():
        for place in ("left", "right"):
            picture = paint(requirement(f"journal-day-01-{place}", words), STYLE, name)
            ElementTree.fromstring(picture)  # noqa: S314 - our own drawing


def test_only_the_cover_promises_room_for_a_title() -> None:
    assert 'data-calm="top"' in paint(requirement("journal-cover"), STYLE, "seed")
    assert "data-calm" not in paint(requirement("journal-intro"), STYLE, "seed")
