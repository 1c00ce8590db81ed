"""What the crew's phases make and hand on: the shapes of a book on its way from theme to paper.

Artifacts lie in object storage as JSON; messages carry only their keys. A property that one object
shows by itself is a validator here; what needs the whole book is in `checks`.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from journal_contracts.product import (
    BOOKS,
    Edition,
    Mode,
    Stage,
    TitleStyle,
)
from journal_contracts.values import Value

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
HexColour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]


class Artifact(Value):
    """A frozen value; unknown fields are ignored, so that a newer writer breaks no reader."""

    model_config = ConfigDict(extra="ignore")


class AuthorStyle(Artifact):
    """A way of writing: a label and one line; never a living person's name."""

    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    line: Line


class Preferences(Artifact):
    """The user's request, made clear: what Onboarding gives."""

    theme: Line
    audience: Line
    language: str = "en"
    title_style: TitleStyle = TitleStyle.INSPIRATIONAL
    author_styles: tuple[AuthorStyle, ...] = Field(min_length=5, max_length=5)


class Term(Artifact):
    """A word the book uses in one sense only."""

    word: Line
    sense: Line


class StageIntent(Artifact):
    """What each third of the book is to do for its reader."""

    identify: Line
    document: Line
    action: Line


class EditorialPlan(Artifact):
    """The Manager's plan, which every later agent receives."""

    audience: Line
    voice: Line
    glossary: tuple[Term, ...] = Field(min_length=1, max_length=12)
    avoid: tuple[Line, ...] = Field(min_length=1, max_length=12)
    intent: StageIntent


class Title(Artifact):
    """A title and its subtitle as they stand on the cover."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=80)]
    subtitle: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = ""


class Titles(Artifact):
    """Ten titles: five to be found by a search, five in the style the user asked for."""

    searchable: tuple[Title, ...] = Field(min_length=5, max_length=5)
    styled: tuple[Title, ...] = Field(min_length=5, max_length=5)

    @property
    def all(self) -> tuple[Title, ...]:
        return self.searchable + self.styled

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        if len({title.text.casefold() for title in self.all}) < len(self.all):
            raise ValueError("two titles are the same")
        return self


class Source(Artifact):
    """Where an insight comes from; `model` means the model's own knowledge.

    The reference is then the model's name, else a document of the user with its place: "sleep.pdf,
    page 3"; `excerpt` is how the passage begins that the insight rests on.
    """

    kind: Literal["model", "document"] = "model"
    reference: str = ""
    excerpt: str = ""


class Insight(Artifact):
    """One thing worth knowing about the theme."""

    id: str
    kind: Literal["background", "benefit", "tip"]
    text: Line
    source: Source = Source()


class Insights(Artifact):
    """What Research gives: as many insights as were ordered, of every kind."""

    insights: tuple[Insight, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _a_mix_without_repeats(self) -> Self:
        if len({insight.text.casefold() for insight in self.insights}) < len(self.insights):
            raise ValueError("two insights are the same")
        if len(self.insights) >= 3 and len({insight.kind for insight in self.insights}) < 3:
            raise ValueError("insights must mix background, benefit and tip")
        return self


class DayOutline(Artifact):
    """What one day is to be, before a word of it is written."""

    day: int
    stage: Stage
    mode: Mode
    angle: Line
    question_kind: Line
    insight_ids: tuple[str, ...] = ()


class Outline(Artifact):
    """Both books, day by day: what the curation batches are written against."""

    journal: tuple[DayOutline, ...] = Field(min_length=30, max_length=30)
    lead_magnet: tuple[DayOutline, ...] = Field(min_length=6, max_length=6)

    def days_of(self, edition: Edition) -> tuple[DayOutline, ...]:
        return self.journal if edition is Edition.JOURNAL else self.lead_magnet


class ImageRequirement(Artifact):
    """One picture a book needs; `id` says where: `journal-day-07-left`."""

    id: str
    subject: Line
    alt: Line


class Quote(Artifact):
    """The quote on the intro spread; written for this book, so it names no person."""

    text: Line
    attribution: str = ""


class Day(Artifact):
    """One daily spread: left a picture and the warm-up; right question, ruled lines, picture."""

    day: int
    stage: Stage
    mode: Mode
    heading: Line
    warm_up: Text
    question: Line
    lines: int
    insight_ids: tuple[str, ...] = ()
    pictures: tuple[ImageRequirement, ...] = Field(min_length=2, max_length=2)


class Frame(Artifact):
    """The texts before the first and after the last day, with their three pictures."""

    quote: Quote
    intro: Text
    commitment: Text
    certificate: Text
    closing: Text
    cover_picture: ImageRequirement
    intro_picture: ImageRequirement
    certificate_picture: ImageRequirement


class DayBatch(Artifact):
    """A run of days of one book, as one curation or editing command gives them."""

    edition: Edition
    days: tuple[Day, ...] = Field(min_length=1)


class FrameBatch(Artifact):
    """The frame of one book, as one curation command gives it."""

    edition: Edition
    frame: Frame


class Manuscript(Artifact):
    """A whole book in words. `version` counts from 1 and grows with every edit."""

    edition: Edition
    version: int = 1
    title: Title
    theme: Line
    audience: Line
    author_style: AuthorStyle
    language: str = "en"
    written_by: str
    """The model, as the ledger names it."""
    sample_text: bool = False
    """True where the offline writer wrote it: the book then says so."""
    notice: Text
    frame: Frame
    days: tuple[Day, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        wanted = list(range(1, BOOKS[self.edition].days + 1))
        if [day.day for day in self.days] != wanted:
            raise ValueError(
                f"a {self.edition} has the days 1 to {wanted[-1]}, each once, in order"
            )
        return self

    @property
    def pictures(self) -> tuple[ImageRequirement, ...]:
        """Every picture this book needs, in reading order."""
        frame = self.frame
        daily = (picture for day in self.days for picture in day.pictures)
        return (frame.cover_picture, frame.intro_picture, *daily, frame.certificate_picture)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text the crew wrote for the reader, with the name of its place."""
        yield "title", self.title.text
        yield "subtitle", self.title.subtitle
        yield "quote", self.frame.quote.text
        yield "intro", self.frame.intro
        yield "commitment", self.frame.commitment
        yield "notice", self.notice
        for day in self.days:
            yield f"day {day.day} heading", day.heading
            yield f"day {day.day} warm-up", day.warm_up
            yield f"day {day.day} question", day.question
        yield "certificate", self.frame.certificate
        yield "closing", self.frame.closing


class Finding(Artifact):
    """One check that a manuscript does not hold; `day` is None where it is of the whole book."""

    check: str
    detail: str
    day: int | None = None


class Manuscripts(Artifact):
    """Both books after the join, with what the whole-book check found."""

    journal: Manuscript
    lead_magnet: Manuscript
    findings: dict[Edition, tuple[Finding, ...]] = Field(default_factory=dict)

    def of(self, edition: Edition) -> Manuscript:
        return self.journal if edition is Edition.JOURNAL else self.lead_magnet


class ReviewNote(Artifact):
    """What is to be different in one place; `day` is None for the texts around the days."""

    edition: Edition
    day: int | None = None
    note: Line


class Review(Artifact):
    """The Manager's verdict on both books, from the measured checks and a reading of its own."""

    verdict: Literal["accept", "revise"]
    summary: Line
    notes: tuple[ReviewNote, ...] = ()
    findings: dict[Edition, tuple[Finding, ...]] = Field(default_factory=dict)


class Change(Artifact):
    """What the Editor did to one section, and why."""

    section: str
    before: str
    after: str
    reason: str


class EditedBatch(DayBatch):
    """A run of days after editing, with what was changed."""

    changes: tuple[Change, ...] = ()


class EditedFrame(FrameBatch):
    """The frame of one book after editing, with what was changed."""

    changes: tuple[Change, ...] = ()


Motif = Literal["hills", "waves", "leaves", "orbits", "paths", "petals"]


class VisualStyle(Artifact):
    """The one look of all pictures of a journal. Colours are sRGB, light to dark."""

    name: Line
    paper: HexColour
    pale: HexColour
    mid: HexColour
    strong: HexColour
    ink: HexColour
    motifs: tuple[Motif, ...] = Field(min_length=2, max_length=6)


class Blob(Artifact):
    """Bytes in object storage: where, what, how many, and their checksum (hex SHA-256)."""

    key: str
    media_type: str
    bytes: int
    sha256: str


class Illustration(Artifact):
    """A finished picture for one requirement."""

    requirement_id: str
    alt: str
    blob: Blob
    painted_by: Literal["procedural", "generated", "upload"] = "procedural"


class Layout(Artifact):
    """What the PDF Builder chooses within the house's rules; colours come from the visual style."""

    heading_font: Literal["Lora", "Playfair Display", "Nunito"]
    body_font: Literal["Lora", "Source Serif 4", "Nunito"]
    ornament: Literal["rule", "dots", "leaf", "none"]
    picture_shape: Literal["rounded", "arch", "plain"]


class BoundBook(Artifact):
    """One finished file of one edition, with what was measured on the file itself."""

    edition: Edition
    name: str
    blob: Blob
    pages: int
    words: int
    figures: int


class Editions(Artifact):
    """What binding gives: the finished files, and everything else that goes to the shelf."""

    title: Title
    books: tuple[BoundBook, ...] = Field(min_length=1)
    illustrations: tuple[Illustration, ...] = ()


class Listing(Artifact):
    """How a book is offered in one shop."""

    shop: Literal["kdp", "etsy", "gumroad"]
    headline: Line
    description: Text
    keywords: tuple[Line, ...] = Field(min_length=5, max_length=13)
    categories: tuple[Line, ...] = Field(min_length=1, max_length=3)
    price_hint: Line


class PublishingPack(Artifact):
    """What Platform Setup gives at the end: everything a shop asks for besides the book."""

    listings: tuple[Listing, ...] = Field(min_length=3, max_length=3)
    ai_declaration: Text
    checklist: tuple[Line, ...] = Field(min_length=3)


class Preflight(Artifact):
    """What Platform Setup measured before any money was spent."""

    model: str
    storage_writable: bool
    fonts: tuple[str, ...]
    seconds: float
