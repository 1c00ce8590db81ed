"""How a person and the saga speak to each other: a decision with options, and the answer to it."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

ChosenBy = Literal["user", "default", "request", "plan"]
"""Who chose: the user when asked, the deadline, the request itself, or a plan that does not ask."""

OWN: Literal["own"] = "own"
"""The option whose value is the choice's own text."""

NOTES_LENGTH: Final = 12_000
"""Characters of all notes and their sections: they go with every message of a revision."""

CONTROL: Final = frozenset({*range(0x20), 0x7F, *range(0x80, 0xA0), 0xFEFF, 0x2028, 0x2029})
LINE_ENDS: Final = frozenset(map(ord, "\t\n\r"))


def on_one_line(text: str) -> str:
    """Refuses control characters: PostgreSQL takes no NUL, and JSON writes six bytes for each."""
    return _without(CONTROL, text)


def on_lines(text: str) -> str:
    """The same for a text that may have lines."""
    return _without(CONTROL - LINE_ENDS, text)


def _without(refused: frozenset[int], text: str) -> str:
    if not refused.isdisjoint(map(ord, text)):
        raise ValueError("control characters are not allowed")
    return text


Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    AfterValidator(on_lines),
]
Section = Annotated[str, StringConstraints(max_length=60), AfterValidator(on_one_line)]
OwnText = Annotated[
    str, StringConstraints(min_length=1, max_length=120), AfterValidator(on_one_line)
]


class Choice(BaseModel):
    """An answer: one of the options; `text` goes with "own", `notes` by section with "changes"."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    option: Annotated[
        str, StringConstraints(min_length=1, max_length=40), AfterValidator(on_one_line)
    ]
    text: OwnText | None = None
    notes: dict[Section, Note] = Field(default_factory=dict, max_length=40)

    @model_validator(mode="after")
    def _notes_fit_a_message(self) -> Self:
        if sum(len(name) + len(note) for name, note in self.notes.items()) > NOTES_LENGTH:
            raise ValueError(f"the notes are longer than {NOTES_LENGTH} characters in all")
        return self


class Option(BaseModel):
    """One thing that may be chosen."""

    model_config = ConfigDict(frozen=True)
    id: str
    label: str
    detail: str = ""


class DecisionView(BaseModel):
    """A decision as it is shown; `rev` counts how often it was asked."""

    model_config = ConfigDict(frozen=True)
    id: str
    rev: int
    question: str
    options: tuple[Option, ...]
    default: str
    deadline: datetime


Verdict = Literal["accepted", "already", "conflict", "expired", "unknown"]
"""What became of an answer: taken; taken before by the same answer; another answer won; the
deadline (or an end of the journal) was first; never asked, or not yours."""
