"""What a journal's user is asked: when, with which answers, and what holds if nobody answers."""

from datetime import timedelta
from typing import Final

from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.decisions import OWN, Option
from orchestrator_service.phases import GENERATED
from orchestrator_service.table import Known, Question

DAY: Final = timedelta(hours=24)
SETS_OF_TITLES: Final = 3
DRAFT_ROUNDS: Final = 3


def _styles(known: Known) -> tuple[Option, ...]:
    offered = [AuthorStyle.model_validate(s) for s in known.facts["onboarding"]["styles"]]
    listed = (Option(id=f"s{n}", label=s.label, detail=s.line) for n, s in enumerate(offered, 1))
    return (*listed, Option(id=OWN, label="Your own", detail="Describe it in a few words."))


def _titles(known: Known) -> tuple[Option, ...]:
    offered = [Title.model_validate(title) for title in known.facts["discovery"]["titles"]]
    listed = (Option(id=f"t{n}", label=t.text, detail=t.subtitle) for n, t in enumerate(offered, 1))
    own = Option(id=OWN, label="Your own title")
    more = Option(id="more", label="Ten more titles")
    is_last = known.rounds["discovery"] + 1 >= SETS_OF_TITLES
    return (*listed, own) if is_last else (*listed, own, more)


def _picture_sources(known: Known) -> tuple[Option, ...]:
    """A model's are offered where the preflight found one that makes pictures."""
    drawn = Option(
        id="procedural", label="Drawn for this journal", detail="One style, 78 pictures."
    )
    generated = Option(
        id=GENERATED,
        label="Made by a picture model",
        detail="One style, 78 pictures; each that the model does not make is drawn, and counted.",
    )
    none = Option(id="none", label="No pictures", detail="A quiet, typographic book.")
    offered = known.facts.get("preflight", {}).get("pictures", ())
    return (drawn, generated, none) if GENERATED in offered else (drawn, none)


def _draft_answers(known: Known) -> tuple[Option, ...]:
    approve = Option(id="approve", label="Approve the text")
    changes = Option(id="changes", label="Ask for changes", detail="With notes for any section.")
    is_last = known.wishes["draft"] >= DRAFT_ROUNDS
    return (approve,) if is_last else (approve, changes)


def _formats(known: Known) -> tuple[Option, ...]:
    pages = {"6x9": "6 x 9 inches", "a4": "A4", "letter": "US Letter"}
    plain = tuple(
        Option(id=f"{p}-plain", label=f"{name}, no pictures") for p, name in pages.items()
    )
    if known.chosen["pictures"].option == "none":
        return plain
    return (
        *(Option(id=page, label=f"{name}, with pictures") for page, name in pages.items()),
        *plain,
    )


QUESTIONS: Final = (
    Question(
        "author_style",
        needs=("onboarding",),
        text="In which style should the books be written?",
        options=_styles,
        default="s1",
    ),
    Question(
        "title",
        needs=("discovery",),
        text="Which title should the journal have?",
        options=_titles,
        default="t1",
        back={"more": "discovery"},
    ),
    Question(
        "pictures",
        needs=("review",),
        text="Where should the pictures come from?",
        options=_picture_sources,
        default="procedural",
    ),
    Question(
        "draft",
        needs=("editing_review",),
        text="Is the text as you want it?",
        options=_draft_answers,
        default="approve",
        patience=DAY,
        back={"changes": "editing"},
    ),
    Question(
        "format",
        needs=("draft", "illustration"),
        text="On which paper should the books be set?",
        options=_formats,
        default="6x9",
    ),
)


def _ways_to_go_on(known: Known) -> tuple[Option, ...]:
    """What costs less is offered where the preflight found that there is such a choice."""
    more = Option(id="more", label="Go on", detail="It may cost as much again.")
    return (more, *_cheaper(known, "What is written stays; it may cost as much again."), STOP)


def _ways_to_wait(known: Known) -> tuple[Option, ...]:
    """The day is that of the database, in UTC."""
    wait = Option(
        id="wait",
        label="Wait",
        detail="It goes on by itself when there is room, at the latest when the day turns (UTC).",
    )
    return (wait, *_cheaper(known, "What is written stays."), STOP)


STOP: Final = Option(id="stop", label="Stop", detail="Everything made so far is kept.")


def _cheaper(known: Known, detail: str) -> tuple[Option, ...]:
    choices = known.facts.get("preflight", {}).get("models", ())
    is_there = "cheaper" in choices
    return (Option(id="cheaper", label="Go on with a cheaper model", detail=detail),) * is_there


AFTER_FAILURE: Final = Question(
    "after_failure",
    needs=(),
    text="A part of the work failed. How should it go on?",
    options=lambda known: (
        Option(id="retry", label="Try again from where it failed"),
        Option(id="give_up", label="Give up", detail="Everything made so far is kept."),
    ),
    default="give_up",
    patience=DAY,
)
OVER_BUDGET: Final = Question(
    "over_budget",
    needs=(),
    text="The journal has cost what it was allowed to. How should it go on?",
    options=_ways_to_go_on,
    default="stop",
    patience=DAY,
)
OVER_QUOTA: Final = Question(
    "over_quota",
    needs=(),
    text="Your journals have cost today what they may on a day. How should this one go on?",
    options=_ways_to_wait,
    default="wait",
    patience=DAY,
)
UNFORESEEN: Final = {
    question.name: question for question in (AFTER_FAILURE, OVER_BUDGET, OVER_QUOTA)
}
"""Questions no plan foresees; any journal may come to them, whatever its table."""
