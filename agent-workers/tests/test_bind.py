"""The binder: the right pages, every text literally, every picture announced, no overflow."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from outloud import check
from pypdf import PdfReader

from agent_workers.bind import (
    PageFormat,
    PictureMissing,
    Press,
    ScriptNotCovered,
    bind,
    measure,
    unprintable,
)
from agent_workers.bind.inks import contrast, inks
from agent_workers.bind.measuring import elements
from agent_workers.paint import paint
from journal_contracts.artifacts import (
    AuthorStyle,
    Day,
    Frame,
    ImageRequirement,
    Layout,
    Manuscript,
    Quote,
    Title,
    VisualStyle,
)
from journal_contracts.product import BOOKS, Edition, mode_of, stage_of

CREATED = datetime(2025, 3, 1, 12, tzinfo=UTC)
STYLE = VisualStyle(
    name="Sage morning",
    paper="#faf6ee",
    pale="#dfe6d3",
    mid="#a3b899",
    strong="#5f7f68",
    ink="#2b3a33",
    motifs=("hills", "waves", "leaves", "orbits", "paths", "petals"),
)
LAYOUT = Layout(
    heading_font="Playfair Display",
    body_font="Source Serif 4",
    ornament="leaf",
    picture_shape="arch",
)
SIX_BY_NINE = PageFormat("6x9", pictures=True)
PLAIN = PageFormat("6x9", pictures=False)
FORMATS = [
    PageFormat(name, pictures) for name in ("6x9", "a4", "letter") for pictures in (True, False)
]
NAMES = [f"{page.name}-{'pictures' if page.pictures else 'plain'}" for page in FORMATS]
PROSE = (
    "Notice how the morning begins before you do anything with it. There is a short moment in which"
    " nothing is asked of you. Stay there for three slow breaths and let your shoulders drop."
)


def prose(count: int) -> str:
    return " ".join((f"{PROSE} " * (count // 30 + 1)).split()[:count])


def manuscript(edition: Edition = Edition.LEAD_MAGNET, **texts: str) -> Manuscript:
    """A book of plausible length; `texts` replaces what is written on every day or page."""
    return Manuscript(
        edition=edition,
        title=Title(
            text=texts.get("title", "Steady Ground"), subtitle=texts.get("subtitle", "Quiet days")
        ),
        theme="Journaling for Anxiety",
        audience="adults",
        author_style=AuthorStyle(label="Warm guide", line="calm"),
        language=texts.get("language", "en"),
        written_by="offline",
        sample_text=True,
        notice=texts.get(
            "notice", "This journal is no therapy. In a crisis call your emergency number."
        ),
        frame=Frame(
            quote=Quote(text=texts.get("quote", "Begin where your feet are.")),
            intro=texts.get("frame", prose(150)),
            commitment=texts.get("frame", "I, [Name], begin on [Date]. " + prose(140)),
            certificate=texts.get("frame", prose(130)),
            closing=texts.get("frame", prose(160)),
            cover_picture=picture(edition, "cover"),
            intro_picture=picture(edition, "intro"),
            certificate_picture=picture(edition, "certificate"),
        ),
        days=tuple(a_day(edition, day, texts) for day in range(1, BOOKS[edition].days + 1)),
    )


def a_day(edition: Edition, day: int, texts: dict[str, str]) -> Day:
    return Day(
        day=day,
        stage=stage_of(edition, day),
        mode=mode_of(day),
        heading=texts.get("heading", "Where worry lives in the body"),
        warm_up=texts.get("warm_up", f"Day number {day}. {prose(200)}"),
        question=texts.get(
            "question", "What did you notice before the first thought of the day arrived?"
        ),
        lines=25,
        pictures=(
            picture(edition, f"day-{day:02d}-left"),
            picture(edition, f"day-{day:02d}-right"),
        ),
    )


def picture(edition: Edition, place: str) -> ImageRequirement:
    return ImageRequirement(id=f"{edition}-{place}", subject="a cup", alt=f"Alt text of {place}")


def painted(book: Manuscript) -> dict[str, bytes]:
    return {wanted.id: paint(wanted, STYLE, "seed").encode() for wanted in book.pictures}


def bound(book: Manuscript, page: PageFormat = SIX_BY_NINE, layout: Layout = LAYOUT) -> bytes:
    return bind(book, painted(book) if page.pictures else {}, layout, STYLE, page, created=CREATED)


def texts_of(pdf: bytes) -> list[str]:
    """The text of every page, its lines joined."""
    pages = pypdfium2.PdfDocument(pdf)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in pages]


def text_of(pdf: bytes) -> str:
    return " ".join(texts_of(pdf))


def squeezed(text: str) -> str:
    """Without what a line break may add."""
    return re.sub(r"[-\s\xad\x02\ufffe]", "", text)


def figures(pdf: bytes) -> list[str]:
    """The alt text of every figure, in reading order."""
    found = elements(PdfReader(io.BytesIO(pdf)))
    return [str(element["/Alt"]) for element in found if str(element["/S"]) == "/Figure"]


def bookmarks(outline: list[Any]) -> tuple[list[str], list[str]]:
    """The titles of the first and of the second level."""
    parts = [str(entry.title) for entry in outline if not isinstance(entry, list)]
    below = [group for group in outline if isinstance(group, list)]
    return parts, [str(entry.title) for group in below for entry in group]


def ruled_lines(page: pypdfium2.PdfPage) -> list[float]:
    """The heights (points, from below) of all lines to write on.

    To count them with any tool: path objects of the page that are flat (under 2 pt) and as wide
    as the type area (over 70 % of the page). Nothing else on a right page is.
    """
    found = []
    for shape in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH]):
        left, bottom, right, top = shape.get_bounds()
        if right - left > 0.7 * page.get_width() and top - bottom < 2:
            found.append((top + bottom) / 2)
    return found


def lines(page: pypdfium2.PdfPage) -> Iterator[tuple[float, float, float, float]]:
    """Where the pieces of text stand: left, bottom, right, top."""
    text = page.get_textpage()
    for at in range(text.count_rects()):
        yield text.get_rect(at)


@pytest.fixture(scope="module")
def journal() -> bytes:
    return bound(manuscript(Edition.JOURNAL))


@pytest.fixture(scope="module")
def magnet() -> bytes:
    return bound(manuscript())


def test_a_journal_has_67_pages_and_63_figures(journal: bytes) -> None:
    measured = measure(journal)

    assert (measured.pages, measured.figures) == (67, 63)
    assert 6_000 < measured.words < 9_500


@pytest.mark.parametrize("page", FORMATS, ids=NAMES)
def test_a_lead_magnet_has_19_pages_in_every_format(page: PageFormat) -> None:
    pdf = bound(manuscript(), page)

    assert len(pypdfium2.PdfDocument(pdf)) == 19
    assert len(figures(pdf)) == (15 if page.pictures else 0)


@pytest.mark.parametrize("page", FORMATS[1:], ids=NAMES[1:])
def test_a_journal_has_67_pages_in_every_format(page: PageFormat) -> None:
    book = manuscript(Edition.JOURNAL, warm_up=prose(30))
    pictures = dict.fromkeys((wanted.id for wanted in book.pictures), png(8, 6))

    pdf = bind(book, pictures, LAYOUT, STYLE, page, created=CREATED)

    assert len(pypdfium2.PdfDocument(pdf)) == 67
    assert len(figures(pdf)) == (63 if page.pictures else 0)


def test_the_same_book_is_the_same_file(magnet: bytes) -> None:
    assert bound(manuscript()) == magnet


def test_every_picture_has_its_alt_text_in_reading_order(magnet: bytes) -> None:
    assert figures(magnet) == [wanted.alt for wanted in manuscript().pictures]


@pytest.mark.parametrize("page", FORMATS, ids=NAMES)
def test_every_right_page_has_25_evenly_ruled_lines(page: PageFormat) -> None:
    pdf = pypdfium2.PdfDocument(bound(manuscript(), page))

    for number in range(7, 19, 2):
        heights = sorted(ruled_lines(pdf[number - 1]))
        gaps = [above - below for below, above in pairwise(heights)]
        assert len(heights) == 25
        assert max(gaps) - min(gaps) < 0.1
        assert 5.5 < gaps[0] / 72 * 25.4 < 9
        assert not ruled_lines(pdf[number - 2])


def test_a_day_begins_on_a_left_page(journal: bytes) -> None:
    pages = texts_of(journal)

    for day in range(1, 31):
        assert f"Day number {day}." in pages[3 + 2 * day]
        assert "What did you notice" in pages[4 + 2 * day]


def test_bookmarks_lead_to_parts_stages_and_days(journal: bytes) -> None:
    parts, days = bookmarks(PdfReader(io.BytesIO(journal)).outline)

    before = ["Welcome", "My commitment", "Before you begin"]
    after = ["Certificate of completion", "From here on"]
    assert parts == [*before, "Identify", "Document", "Action", *after]
    assert len(days) == 30
    assert days[6] == "Day 7 · Where worry lives in the body"


def test_says_what_it_is(magnet: bytes) -> None:
    reader = PdfReader(io.BytesIO(magnet))
    about = reader.metadata

    assert about is not None
    assert (about.title, about.author) == ("Steady Ground", "Journal Craft Crew")
    assert str(reader.root_object["/Lang"]) == "en"
    assert b"<pdfuaid:part>1</pdfuaid:part>" in magnet


@pytest.mark.parametrize("page", [SIX_BY_NINE, PLAIN], ids=["pictures", "plain"])
def test_passes_pdf_ua(page: PageFormat, tmp_path: Path) -> None:
    file = tmp_path / "book.pdf"
    file.write_bytes(bound(manuscript(), page))

    result = check(str(file))

    assert (result.error, result.errors) == (None, 0)


def test_a_title_breaks_after_its_colon_and_never_inside_30_day() -> None:
    title = "Grief: A Journal With Daily Prompts for a 30-Day Month"
    pdf = pypdfium2.PdfDocument(bound(manuscript(Edition.JOURNAL, title=title), PLAIN))

    for number in (0, 2):
        shown = pdf[number].get_textpage().get_text_range().splitlines()
        rows = [" ".join(line.split()) for line in shown]
        first = rows.index("Grief:")
        last = next(at for at, row in enumerate(rows) if row.endswith("Month"))
        broken = [row for row in rows[first:last] if re.search(r"(?:\b(?:A|a|for|With)|30-)$", row)]
        assert broken == []


def test_the_small_book_promises_six_days_and_leads_to_the_full_one() -> None:
    pages = texts_of(bound(manuscript(title="Calm: A 30-Day Guided Journal")))

    assert "Calm: A 6-Day Guided Journal" in pages[0]
    assert "The full 30-day journal Calm: A 30-Day Guided Journal" in pages[18]


def test_a_sample_says_so_on_the_notice_page_and_at_the_end(magnet: bytes) -> None:
    pages = texts_of(magnet)

    labelled = [at for at, text in enumerate(pages, 1) if "Sample text, written offline" in text]

    assert labelled == [5, 19]
    assert all("made with the help of AI" in pages[at - 1] for at in labelled)


def test_a_book_by_a_model_is_no_sample() -> None:
    book = manuscript().model_copy(update={"sample_text": False})

    text = text_of(bound(book, PLAIN))

    assert "Sample text" not in text
    assert "made with the help of AI" in text


def test_markup_in_a_text_is_printed_as_it_stands() -> None:
    hostile = (
        r"#let x = 1 ¦ *bold* _so_ ¦ $x^2$ and $ ¦ [a] {b} ¦ <script>hi</script> ¦ C:\dir \n \u{41}"
        r" ¦ #include(book.typ) ¦ = Heading ¦ - item @ref `raw` ¦ #sys.inputs ¦ //comment /* open"
    )
    start = hostile[:70].rstrip()
    book = manuscript(
        warm_up=hostile,
        heading=hostile,
        question=hostile,
        quote=hostile,
        frame=hostile,
        notice=hostile,
        title=start,
        subtitle=start,
    )

    pdf = bound(book)

    printed = squeezed(text_of(pdf))
    assert len(pypdfium2.PdfDocument(pdf)) == 19
    assert printed.count(squeezed(hostile)) == 6 * 3 + 6
    assert printed.count(squeezed(start)) > 6 * 3 + 6


def test_the_readers_own_blanks_become_blanks() -> None:
    text = text_of(bound(manuscript(), PLAIN))

    assert "[Name]" not in text
    assert "I, Name , begin on Date ." in text


def test_straight_quotes_become_printers_quotes() -> None:
    text = text_of(bound(manuscript(warm_up="\"It's 'here'\", she said - don't."), PLAIN))

    assert "“It’s ‘here’”, she said - don’t." in text


@pytest.mark.parametrize("page", FORMATS, ids=NAMES)
def test_the_longest_texts_stay_on_their_pages(page: PageFormat) -> None:
    long = " ".join(["responsibility", "counterproductive", "thoughtfulness"] * 74)[:2_600]
    book = manuscript(
        title="Incomprehensibilities of Extraordinary Circumstances for the Uncompromising"[:80],
        subtitle="Unquestionably " * 8,
        heading="Donaudampfschifffahrtselektrizitätenhauptbetriebswerk " * 5 + "W" * 28,
        question="Supercalifragilisticexpialidocious counterrevolutionaries " * 5 + "?",
        quote="incomprehensibly " * 17,
        warm_up=long,
        frame=long,
        notice=long,
    )

    pdf = pypdfium2.PdfDocument(bound(book, page))

    assert len(pdf) == 19
    for sheet in pdf:
        width, height = sheet.get_size()
        for left, bottom, right, top in lines(sheet):
            assert 0.375 * 72 < left < right < width - 0.375 * 72
            assert 0.25 * 72 < bottom < top < height - 0.25 * 72


def test_long_texts_do_not_run_into_the_foot() -> None:
    pdf = pypdfium2.PdfDocument(bound(manuscript(warm_up=prose(220), question="Why " * 70 + "?")))

    for sheet in list(pdf)[5:17]:
        bottoms = sorted({round(bottom) for _, bottom, _, _ in lines(sheet)})
        foot = [bottom for bottom in bottoms if bottom < 40]
        assert foot
        assert min(bottom for bottom in bottoms if bottom >= 40) > max(foot) + 8


def test_letters_of_other_alphabets_are_printed() -> None:
    russian = "Заметь, как начинается утро, прежде чем ты что-нибудь сделаешь."
    book = manuscript(warm_up=russian, heading="Ελληνικά и русский", language="ru")

    assert unprintable(book) == ()
    assert squeezed(russian) in squeezed(text_of(bound(book, PLAIN)))


def test_a_picture_sign_is_replaced_visibly_and_a_lone_foreign_word_too() -> None:
    book = manuscript(warm_up=prose(190) + " Ikigai (生き甲斐) 🎉❤️ ends.")

    assert set(unprintable(book)) >= set("生き甲斐🎉")
    assert "Ikigai (□) • ends." in text_of(bound(book, PLAIN))


def test_a_book_in_a_script_without_font_is_refused_by_name() -> None:
    with pytest.raises(ScriptNotCovered, match="no font of the house has letters such as"):
        bound(manuscript(warm_up="朝が始まる前に静かな時間があります。" * 10))


def test_labels_speak_the_books_language() -> None:
    text = text_of(bound(manuscript(language="de-AT"), PLAIN))

    assert "Bevor du beginnst" in text
    assert "Erkennen · Festhalten · Handeln" in text


def test_a_missing_picture_is_named() -> None:
    book = manuscript()
    pictures = painted(book)
    del pictures["lead_magnet-day-03-right"]

    with pytest.raises(PictureMissing, match="lead_magnet-day-03-right"):
        bind(book, pictures, LAYOUT, STYLE, SIX_BY_NINE, created=CREATED)


def test_takes_bitmaps_too() -> None:
    book = manuscript()
    pictures = dict.fromkeys(painted(book), png(8, 6))

    pdf = bind(book, pictures, LAYOUT, STYLE, SIX_BY_NINE, created=CREATED)

    assert measure(pdf).figures == 15


@pytest.mark.parametrize(
    ("font", "body", "shape", "ornament"),
    [
        ("Lora", "Source Serif 4", "rounded", "rule"),
        ("Nunito", "Nunito", "plain", "dots"),
        ("Playfair Display", "Lora", "arch", "none"),
    ],
)
def test_every_layout_keeps_its_pages(font: str, body: str, shape: str, ornament: str) -> None:
    layout = Layout.model_validate(
        {"heading_font": font, "body_font": body, "ornament": ornament, "picture_shape": shape}
    )

    pdf = bound(manuscript(warm_up=prose(30)), PLAIN, layout)

    assert len(pypdfium2.PdfDocument(pdf)) == 19


def test_only_our_own_fonts_are_embedded(magnet: bytes) -> None:
    reader = PdfReader(io.BytesIO(magnet))
    named: set[str] = set()
    for page in reader.pages:
        embedded, missing = page._get_fonts()
        named |= embedded
        assert not missing

    assert named
    assert all(re.search("Playfair|SourceSerif", name) for name in named)


def test_text_colours_stay_readable_for_any_style() -> None:
    faint = VisualStyle(
        name="Mist", paper="#ffffff", pale="#fefefe", mid="#fdfdfd", strong="#fcfcfc",
        ink="#fafafa",
        motifs=("hills", "waves"),
    )  # fmt: skip

    colours = inks(faint)

    assert all(
        contrast(colours[name], colours["tint"]) >= 4.5 for name in ("text", "head", "quiet")
    )
    assert contrast(colours["on_cover"], faint.pale) >= 7


async def test_the_press_prints_the_same_file_in_another_process(magnet: bytes) -> None:
    book = manuscript()

    with Press(jobs_a_pool=1) as press:
        printed = await press.print_book(
            book, painted(book), LAYOUT, STYLE, SIX_BY_NINE, created=CREATED
        )
        measured = await press.measure(printed)

    assert printed == magnet
    assert measured == measure(magnet)


async def test_the_press_hands_on_an_error_and_goes_on_printing() -> None:
    with Press() as press:
        with pytest.raises(PictureMissing, match="cover"):
            await press.print_book(manuscript(), {}, LAYOUT, STYLE, SIX_BY_NINE, created=CREATED)
        printed = await press.print_book(manuscript(), {}, LAYOUT, STYLE, PLAIN, created=CREATED)

    assert printed == bound(manuscript(), PLAIN)


def png(width: int, height: int) -> bytes:
    """A picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">L", len(data)) + body + struct.pack(">L", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\x77\x99\x88" * width for _ in range(height))
    head = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)
