"""The journal's itinerary: which phases and questions each plan has, in each version of the table.

To change what the product does, edit `phases`, `questions` and this. A change that journals under
way would stumble over is a new version: the old table stays beside it for as long as a replica with
the old code may run, and `migration.py` moves the rows.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from journal_contracts.product import Depth, PlanName
from orchestrator_service.phases import PHASES, day_batches, with_notes
from orchestrator_service.questions import QUESTIONS
from orchestrator_service.table import Definition, Node, Phase, Plan

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
    return replace(phase, parts=partial(with_notes, day_batches)) if is_editing else phase


EARLIER: Final[tuple[Node, ...]] = (*map(_editing_days_alone, PHASES), *QUESTIONS)
FIRST: Final = Definition(1, EARLIER, _without_reviews(PLANS))
SECOND: Final = Definition(2, EARLIER, PLANS)
THIRD: Final = Definition(3, (*PHASES, *QUESTIONS), PLANS)
DEFINITIONS: Final = {definition.version: definition for definition in (FIRST, SECOND, THIRD)}
"""Every version of the table that this code can run: the Manager reviews from the second on, and
from the third on the Editor follows notes on what frames the days."""
NEWEST: Final = max(DEFINITIONS)
