"""The journal's itinerary. To change what the product does, edit these tables.

A change that journals under way would stumble over is a new version: the old table stays beside it
for as long as a replica with the old code may run, and `migration.py` moves the rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.commands import WithdrawAssets
from journal_contracts.decisions import OWN, Option
from journal_contracts.product import (
    BOOKS,
    INSIGHTS_ORDERED,
    Depth,
    Edition,
    PlanName,
    batches,
    picture_ids,
)
from orchestrator_service.table import SHELF, Definition, Known, Node, Order, Phase, Plan, Question

DAY: Final = timedelta(hours=24)
GENERATED: Final = "generated"
SETS_OF_TITLES: Final = 3
DRAFT_ROUNDS: Final = 3
PROOF_ROUNDS: Final = 2
REVIEW_ROUNDS: Final = 2


def _title_set(known: Known) -> dict[str, Order]:
    earlier = known.facts.get("discovery", {})
    return {
        "": {
            "set": known.rounds["discovery"] + 1,
            "title_style": known.title_style,
            "already": [
                *earlier.get("already", ()),
                *(t["text"] for t in earlier.get("titles", ())),
            ],
        }
    }


def _insights(known: Known) -> dict[str, Order]:
    count = INSIGHTS_ORDERED[known.depth]
    return {"": {"count": count, "documents": list(known.documents)}}


def _day_batches(known: Known) -> dict[str, Order]:
    return {
        f"{edition}-days-{days[0]:02d}-{days[-1]:02d}": {"edition": edition, "days": list(days)}
        for edition in Edition
        for days in batches(BOOKS[edition].days)
    }


def _frames_and_day_batches(known: Known) -> dict[str, Order]:
    frames = {f"{edition}-frame": {"edition": edition, "frame": True} for edition in Edition}
    return {**frames, **_day_batches(known)}


def _with_notes(parts: Callable[[Known], dict[str, Order]], known: Known) -> dict[str, Order]:
    notes = known.chosen["draft"].notes if "draft" in known.chosen else {}
    return {part: {**order, "notes": notes} for part, order in parts(known).items()}


def _pictures(known: Known) -> dict[str, Order]:
    source = known.chosen["pictures"].option
    if source == "none":
        return {}
    order = {"source": source} if source == GENERATED else {}
    names = (name for edition in Edition for name in picture_ids(edition))
    return {name: {"picture": name, **order} for name in names}


def _page_format(known: Known) -> dict[str, Order]:
    page, _, plain = known.chosen["format"].option.partition("-")
    pictures = not plain and known.chosen["pictures"].option != "none"
    return {"": {"format": page, "pictures": pictures}}


PHASES: Final = (
    Phase("preflight", "platform_setup", "writing", needs=(), weight=1),
    Phase("onboarding", "onboarding", "writing", needs=("preflight",)),
    Phase("editorial_plan", "manager", "writing", needs=("author_style",), takes=("onboarding",)),
    Phase(
        "discovery",
        "discovery",
        "writing",
        needs=("editorial_plan",),
        takes=("onboarding", "editorial_plan"),
        parts=_title_set,
    ),
    Phase(
        "research",
        "research",
        "writing",
        needs=("editorial_plan",),
        takes=("onboarding", "editorial_plan"),
        parts=_insights,
        weight=6,
    ),
    Phase(
        "outline",
        "content_curator",
        "writing",
        needs=("title", "research"),
        takes=("onboarding", "editorial_plan", "research"),
        weight=6,
    ),
    Phase(
        "curation",
        "content_curator",
        "writing",
        needs=("outline",),
        takes=("onboarding", "editorial_plan", "research", "outline"),
        parts=_frames_and_day_batches,
        weight=30,
    ),
    Phase(
        "proof",
        "manager",
        "writing",
        needs=("curation",),
        takes=("onboarding", "research", "outline", "curation"),
        judges="curation",
        rounds=PROOF_ROUNDS,
        insists=True,
    ),
    Phase(
        "review",
        "manager",
        "writing",
        needs=("proof",),
        takes=("editorial_plan", "research", "outline", "proof"),
        judges="curation",
        rounds=REVIEW_ROUNDS,
    ),
    Phase(
        "editing",
        "editor",
        "writing",
        needs=("review",),
        takes=("editorial_plan", "proof", "editing"),
        parts=partial(_with_notes, _frames_and_day_batches),
        weight=15,
    ),
    Phase(
        "editing_review",
        "manager",
        "writing",
        needs=("editing",),
        takes=("editorial_plan", "research", "outline", "proof", "editing"),
        judges="editing",
        rounds=REVIEW_ROUNDS,
    ),
    Phase(
        "art_direction",
        "media",
        "writing",
        needs=("pictures",),
        takes=("onboarding", "editorial_plan"),
    ),
    Phase(
        "illustration",
        "media",
        "painting",
        needs=("art_direction",),
        takes=("proof", "art_direction"),
        parts=_pictures,
        weight=15,
    ),
    Phase(
        "binding",
        "pdf_builder",
        "binding",
        needs=("format",),
        takes=(
            "editorial_plan",
            "research",
            "outline",
            "proof",
            "editing",
            "art_direction",
            "illustration",
        ),
        parts=_page_format,
        weight=8,
    ),
    Phase(
        "publishing_pack",
        "platform_setup",
        "writing",
        needs=("binding",),
        takes=("editorial_plan", "proof", "binding"),
    ),
    Phase(
        "delivery",
        "media",
        SHELF,
        needs=("binding", "publishing_pack"),
        takes=("binding", "publishing_pack"),
        weight=1,
        undo=lambda step, made: WithdrawAssets(**step.model_dump(), registered=made),
    ),
)


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


REVIEWS: Final = frozenset({"review", "editing_review"})
PLANS: Final = {
    PlanName.EXPRESS: Plan(
        leaves_out=REVIEWS | {"research", "editing", "publishing_pack", "draft"},
        asks=frozenset({"title"}),
        depth=Depth.LIGHT,
    ),
    PlanName.STANDARD: Plan(
        leaves_out=REVIEWS | {"draft"},
        asks=frozenset({"author_style", "title", "pictures", "format"}),
        depth=Depth.MEDIUM,
    ),
    PlanName.COMPREHENSIVE: Plan(
        leaves_out=frozenset(),
        asks=frozenset({"author_style", "title", "pictures", "draft", "format"}),
        depth=Depth.DEEP,
        models=frozenset({"cheaper", "fine"}),
    ),
}


def _without_reviews(plans: Mapping[PlanName, Plan]) -> Mapping[PlanName, Plan]:
    return {name: replace(p, leaves_out=p.leaves_out | REVIEWS) for name, p in plans.items()}


def _editing_days_alone(phase: Phase) -> Phase:
    is_editing = phase.name == "editing"
    return replace(phase, parts=partial(_with_notes, _day_batches)) if is_editing else phase


EARLIER: Final[tuple[Node, ...]] = (*map(_editing_days_alone, PHASES), *QUESTIONS)
FIRST: Final = Definition(1, EARLIER, _without_reviews(PLANS))
SECOND: Final = Definition(2, EARLIER, PLANS)
THIRD: Final = Definition(3, (*PHASES, *QUESTIONS), PLANS)
DEFINITIONS: Final = {definition.version: definition for definition in (FIRST, SECOND, THIRD)}
"""Every version of the table that this code can run: the Manager reviews from the second on, and
from the third on the Editor follows notes on what frames the days."""
NEWEST: Final = max(DEFINITIONS)
