"""A short table with everything that is hard in the long one, and what its crew reports.

A set of titles that may be asked for again, a fan-out whose join may send parts back, phases that
a plan leaves out, a pool of its own, and files on a shelf that have to be taken off again.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from journal_contracts.commands import RunPhase
from journal_contracts.product import Depth, PlanName
from orchestrator_service.plan import FIRST
from orchestrator_service.table import Definition, Known, Node, Order, Plan
from tests.instant.facts import facts_of

AGAIN: Final = {"part": "two", "edition": "journal", "days": [3], "notes": ["short"]}
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "discovery": (),
    "title": ("discovery",),
    "curation": ("title",),
    "proof": ("curation",),
    "editing": ("proof",),
    "draft": ("editing",),
    "binding": ("draft",),
    "delivery": ("binding",),
}
PARTS: Final = {"curation": ("one", "two"), "editing": ("left", "right")}


def _node(name: str, needs: tuple[str, ...]) -> Node:
    node = FIRST.by_name[name]
    changes: dict[str, Any] = {"needs": needs}
    if name in PARTS:
        changes["parts"] = lambda known: _parts(known, name)
    if name == "binding":
        changes["parts"] = lambda known: {"": {}}
    return replace(node, **changes)


def _parts(known: Known, phase: str) -> dict[str, Order]:
    return {part: {"part": part} for part in PARTS[phase]}


def _short(version: int, needs: Mapping[str, tuple[str, ...]]) -> Definition:
    plans = {
        PlanName.EXPRESS: Plan(frozenset({"editing", "draft"}), frozenset({"title"}), Depth.LIGHT),
        PlanName.STANDARD: Plan(frozenset({"draft"}), frozenset({"title"}), Depth.MEDIUM),
        PlanName.COMPREHENSIVE: Plan(frozenset(), frozenset({"title", "draft"}), Depth.DEEP),
    }
    return Definition(version, tuple(_node(*row) for row in needs.items()), plans)


SHORT: Final = _short(1, NEEDS)
NEXT: Final = _short(2, {**NEEDS, "outline": ("title",), "curation": ("outline",)})
"""A version of it with one more phase in its midst."""


def facts(seed: str, step: RunPhase) -> dict[str, Any]:
    """What this step comes to, however often it is asked; a join may find a part too short."""
    if (
        step.phase == "proof"
        and random.Random(f"{seed}/{step.journal_id}/{step.inputs}").random() < 0.2
    ):
        return {"again": [AGAIN]}
    return facts_of(step)
