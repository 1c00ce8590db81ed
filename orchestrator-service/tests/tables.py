"""Tables that are not the product's: derived from the real one, for what it cannot show."""

from dataclasses import replace
from typing import Final

from journal_contracts.commands import WithdrawAssets
from journal_contracts.decisions import Option
from orchestrator_service.plan import FIRST
from orchestrator_service.table import Definition, Node, Phase, Plan, Question


def with_undo(table: Definition, version: int, *names: str) -> Definition:
    """These phases have an effect to be taken back, too."""

    def undoable(node: Node) -> Node:
        if not isinstance(node, Phase) or node.name not in names:
            return node
        return replace(
            node, undo=lambda step, made: WithdrawAssets(**step.model_dump(), registered=made)
        )

    return replace(table, version=version, nodes=tuple(map(undoable, table.nodes)))


ADDED_PHASE: Final = Phase(
    "fact_check", "research", "writing", needs=("outline",), takes=("outline",), weight=3
)
ADDED_QUESTION: Final = Question(
    "dedication",
    needs=("curation",),
    text="To whom is the journal dedicated?",
    options=lambda known: (Option(id="nobody", label="Nobody"), Option(id="me", label="Me")),
    default="nobody",
)
REMOVED: Final = "publishing_pack"


def second() -> Definition:
    """Version 2: a phase inserted, a phase taken out, a question added, in the midst of it all."""
    nodes = tuple(_renewed(node) for node in FIRST.nodes if node.name != REMOVED)
    at = [node.name for node in nodes].index("curation")
    plans = {name: _asking(plan) for name, plan in FIRST.plans.items()}
    return Definition(2, (*nodes[:at], ADDED_PHASE, *nodes[at:], ADDED_QUESTION), plans)


def _renewed(node: Node) -> Node:
    needs = {
        "curation": ("outline", ADDED_PHASE.name),
        "delivery": ("binding",),
        "format": ("draft", "illustration", ADDED_QUESTION.name),
    }
    if isinstance(node, Phase) and node.name == "delivery":
        return replace(node, needs=needs[node.name], takes=("binding",))
    return replace(node, needs=needs.get(node.name, node.needs))


def _asking(plan: Plan) -> Plan:
    asks = plan.asks | {ADDED_QUESTION.name} if "format" in plan.asks else plan.asks
    return replace(plan, leaves_out=plan.leaves_out - {REMOVED}, asks=asks)
