"""How a person and the saga speak to each other: a decision with options, and the answer to it."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from journal_contracts.values import Value, on_lines, on_one_line

ChosenBy = Literal["user", "default", "request", "plan"]
"""Who chose: the user when asked, the deadline, the request itself, or a plan that does not ask."""

OWN: Literal["own"] = "own"
"""The option whose value is the choice's own text."""

NOTES_LENGTH: Final = 12_000
"""Characters of all notes and their sections: they go with every message of a revision."""

Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    AfterValidator(on_lines),
]
Section = Annotated[str, StringConstraints(max_length=60), AfterValidator(on_one_line)]
OwnText = Annotated[
    str, StringConstraints(min_length=1, max_length=120), AfterValidator(on_one_line)
]


class Choice(Value):
    """An answer: one of the options; `text` goes with "own", `notes` by section with "changes"."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
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


class Option(Value):
    """One thing that may be chosen."""

    id: str
    label: str
    detail: str = ""


class DecisionView(Value):
    """A decision as it is shown; `rev` counts how often it was asked."""

    id: str
    rev: int
    question: str
    options: tuple[Option, ...]
    default: str
    deadline: datetime


Verdict = Literal["accepted", "already", "conflict", "expired", "unknown"]
"""What became of an answer: taken; taken before by the same answer; another answer won; the
deadline (or an end of the journal) was first; never asked, or not yours."""
