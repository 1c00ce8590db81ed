"""The phases of a journal: who does what, from what, in how many parts."""

from collections.abc import Callable
from functools import partial
from typing import Final

from journal_contracts.commands import WithdrawAssets
from journal_contracts.product import BOOKS, INSIGHTS_ORDERED, Edition, batches, picture_ids
from orchestrator_service.table import SHELF, Known, Order, Phase

GENERATED: Final = "generated"
"""The source of pictures that a model makes."""
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


def day_batches(known: Known) -> dict[str, Order]:
    return {
        f"{edition}-days-{days[0]:02d}-{days[-1]:02d}": {"edition": edition, "days": list(days)}
        for edition in Edition
        for days in batches(BOOKS[edition].days)
    }


def _frames_and_day_batches(known: Known) -> dict[str, Order]:
    frames = {f"{edition}-frame": {"edition": edition, "frame": True} for edition in Edition}
    return {**frames, **day_batches(known)}


def with_notes(parts: Callable[[Known], dict[str, Order]], known: Known) -> dict[str, Order]:
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
        parts=partial(with_notes, _frames_and_day_batches),
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
