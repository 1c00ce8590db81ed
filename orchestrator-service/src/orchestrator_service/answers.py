"""What a user is asked, and what is to be said of an answer; pure, like the saga."""

import re
from typing import Final

from journal_contracts.decisions import OWN, Choice, DecisionView, Verdict
from orchestrator_service.questions import UNFORESEEN
from orchestrator_service.state import Made, QuestionState, Saga
from orchestrator_service.table import Question

PAGES: Final = ("6x9", "a4", "letter")
IN_ADVANCE: Final = {
    "author_style": {OWN, *(f"s{n}" for n in range(1, 6))},
    "title": {OWN, *(f"t{n}" for n in range(1, 11))},
    "pictures": {"procedural", "generated", "none"},
    "draft": {"approve"},
    "format": {*PAGES, *(f"{page}-plain" for page in PAGES)},
}
"""What may be answered with the order, before the options themselves are known."""
SETTLED: Final = re.compile(r"\b(?:cover|(?:sub)?titles?|notice)\b", re.I)
"""Sections of a draft that no revision changes."""


def judge(saga: Saga, name: str, rev: int, choice: Choice) -> tuple[Verdict, Made | None]:
    """What is to be said of an answer, with the decision that holds where one was made."""
    state = saga.questions.get(name)
    if state is None or not 1 <= rev <= state.rev:
        return "unknown", None
    for made in state.made:
        if made.rev == rev:
            if made.choice == choice:
                return "already", made
            return ("expired" if made.by == "default" else "conflict"), made
    return ("expired" if saga.is_over else "accepted"), None


def fits(saga: Saga, name: str, choice: Choice) -> bool:
    """Whether a choice is one of those that the question offers now, and complete."""
    offered = {option.id for option in question(saga, name).options(saga.known)}
    return choice.option in offered and _is_complete(choice)


def fits_in_advance(name: str, choice: Choice) -> bool:
    """Whether a choice can be given with the order."""
    return choice.option in IN_ADVANCE[name] and _is_complete(choice)


def names_what_is_settled(choice: Choice) -> bool:
    """Whether a note is on what no revision changes; of a day, the title may be meant."""
    return any(SETTLED.search(name) and not re.search(r"\d", name) for name in choice.notes)


def open_questions(saga: Saga) -> tuple[DecisionView, ...]:
    """What the user is asked at this moment."""
    if saga.is_over:
        return ()
    return tuple(
        view(saga, name, state) for name, state in saga.questions.items() if state.status == "open"
    )


def view(saga: Saga, name: str, state: QuestionState) -> DecisionView:
    """An open question as it is shown."""
    assert state.due is not None  # noqa: S101 - an open question has a deadline
    return DecisionView(
        id=name,
        rev=state.rev,
        question=question(saga, name).text,
        options=question(saga, name).options(saga.known),
        default=default(saga, name),
        deadline=state.due,
    )


def default(saga: Saga, name: str) -> str:
    """The table's default, or the first option where it is not offered."""
    offered = [option.id for option in question(saga, name).options(saga.known)]
    wanted = question(saga, name).default
    return wanted if wanted in offered else offered[0]


def label(saga: Saga, name: str, choice: Choice) -> str:
    """A choice as people read it, while its options are still the ones it was made from."""
    offered = {option.id: option.label for option in question(saga, name).options(saga.known)}
    return choice.text or offered.get(choice.option, choice.option)


def question(saga: Saga, name: str) -> Question:
    """The table's row."""
    node = UNFORESEEN.get(name) or saga.definition.by_name[name]
    assert isinstance(node, Question)  # noqa: S101 - the table says so
    return node


def _is_complete(choice: Choice) -> bool:
    has_text = choice.text is not None
    return has_text == (choice.option == OWN) and bool(choice.notes) == (choice.option == "changes")
