"""A manuscript that holds every check, made of plain sentences, to be broken on purpose."""

from itertools import count

from journal_contracts.artifacts import (
    AuthorStyle,
    Day,
    Frame,
    ImageRequirement,
    Manuscript,
    Quote,
    Title,
)
from journal_contracts.product import BOOKS, LINES_A_DAY, Edition, mode_of, share_out, stage_of

INSIGHTS = tuple(f"i{number:02d}" for number in range(1, 16))
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"


def a_book(edition: Edition = Edition.LEAD_MAGNET) -> Manuscript:
    """Every text is of the ordered length, and no two sentences are alike."""
    numbers = count()
    shares = share_out(edition, list(INSIGHTS))

    def text(length: int) -> str:
        return " ".join(_sentence(next(numbers), min(8, left)) for left in range(length, 0, -8))

    def picture(place: str) -> ImageRequirement:
        return ImageRequirement(id=f"{edition}-{place}", subject="a lamp", alt="A lamp at night.")

    days = tuple(
        Day(
            day=day,
            stage=stage_of(edition, day),
            mode=mode_of(day),
            heading=f"Day of the {_word(day)}",
            warm_up=text(200),
            question=f"What did the {_word(day)} ask of you on this day?",
            lines=LINES_A_DAY,
            insight_ids=shares[day],
            pictures=(picture(f"day-{day:02d}-left"), picture(f"day-{day:02d}-right")),
        )
        for day in range(1, BOOKS[edition].days + 1)
    )
    frame = Frame(
        quote=Quote(text="A page a day is a walk of its own."),
        intro=text(150),
        commitment=f"I, [Name], begin on [Date]. {text(140)}",
        certificate=text(140),
        closing=text(140),
        cover_picture=picture("cover"),
        intro_picture=picture("intro"),
        certificate_picture=picture("certificate"),
    )
    return Manuscript(
        edition=edition,
        title=Title(text="Calm Pages"),
        theme="anxiety",
        audience="people who worry",
        author_style=AuthorStyle(label="Plain", line="Plain and warm."),
        written_by="a test",
        notice="This is no therapy. In a crisis call your emergency number.",
        frame=frame,
        days=days,
    )


def _sentence(number: int, length: int) -> str:
    words = [_word(length * number + at) for at in range(length)]
    return " ".join(words).capitalize() + "."


def _word(number: int) -> str:
    """A word of one or of two syllables; 16 000 numbers go by before they come back in a row."""
    first, rest = CONSONANTS[number % 20], number // 20
    vowel, last = VOWELS[rest % 5], CONSONANTS[rest // 5 % 20]
    ending = ("ick", "en", "ing", "o", "er", "us", "ap", "im")[number // 2_000 % 8]
    return f"{first}{vowel}{last}{ending}" if number % 2 else f"{first}{vowel}{last}"
