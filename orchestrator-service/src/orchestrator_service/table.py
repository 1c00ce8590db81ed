"""What a table of phases is made of, and the graph it draws for each plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from journal_contracts.decisions import Choice, Option
from journal_contracts.message import Command, StepRef
from journal_contracts.product import Depth, PlanName, TitleStyle

Order = dict[str, Any]

SHELF: Final = "shelf"
"""The pool of the media service: its command registers files instead of running an agent."""


@dataclass(frozen=True)
class Known:
    """What is known of a journal so far: the request, the facts phases gave, the choices made."""

    title_style: TitleStyle
    depth: Depth
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    chosen: Mapping[str, Choice] = field(default_factory=dict)
    wishes: Mapping[str, int] = field(default_factory=dict)
    """How often each question sent the journal back."""
    rounds: Mapping[str, int] = field(default_factory=dict)
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """One agent's work. It starts when all it needs is done, and takes what earlier phases made.

    `judges` names the phase whose parts it may order again, by its fact `again`, in so many
    `rounds`; where it `insists`, the user is asked if that was not enough.

    `undo` gives the command that takes back the effect of attempts up to the one that counted,
    where there is an effect beyond what lies in storage: before what it rests on is done again.
    """

    name: str
    agent: str
    pool: str
    needs: tuple[str, ...]
    takes: tuple[str, ...] = ()
    parts: Callable[[Known], dict[str, Order]] = lambda known: {"": {}}
    patience: timedelta = timedelta(minutes=10)
    weight: int = 2
    judges: str | None = None
    rounds: int = 0
    insists: bool = False
    undo: Callable[[StepRef, int], Command] | None = None


@dataclass(frozen=True)
class Question:
    """One decision of the user. `back` names the phase an option sends the journal back to."""

    name: str
    needs: tuple[str, ...]
    text: str
    options: Callable[[Known], tuple[Option, ...]]
    default: str
    patience: timedelta = timedelta(minutes=15)
    back: Mapping[str, str] = field(default_factory=dict)


Node = Phase | Question


@dataclass(frozen=True)
class Plan:
    """Which of the phases a plan runs, which decisions it asks, and how deep it researches."""

    leaves_out: frozenset[str]
    asks: frozenset[str]
    depth: Depth
    models: frozenset[str] = frozenset({"cheaper"})
    """The choices of models, by name, that an order of this plan may ask for."""


@dataclass(frozen=True)
class Graph:
    """What one plan runs: its nodes in the order of the table, and how they hang together.

    In the place of what the plan leaves out stands what that needs.
    """

    nodes: Mapping[str, Node]
    needs: Mapping[str, frozenset[str]]
    """What a node waits for."""
    after: Mapping[str, frozenset[str]]
    """Every node that waits for this one, directly or through others."""
    asks: frozenset[str]


@dataclass(frozen=True, eq=False)
class Definition:
    """One version of the table; a journal keeps to the one it has until it is moved on."""

    version: int
    nodes: tuple[Node, ...]
    plans: Mapping[PlanName, Plan]

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def weights(self) -> Mapping[str, int]:
        """How much of the work each phase is."""
        return {node.name: node.weight for node in self.nodes if isinstance(node, Phase)}

    @cached_property
    def graphs(self) -> Mapping[PlanName, Graph]:
        return {name: self._graph(plan) for name, plan in self.plans.items()}

    def phase(self, name: str) -> Phase:
        """The row of a phase."""
        node = self.by_name[name]
        assert isinstance(node, Phase)  # noqa: S101 - whoever asks knows it is one
        return node

    def _graph(self, plan: Plan) -> Graph:
        nodes = {node.name: node for node in self.nodes if node.name not in plan.leaves_out}
        needs = {name: self._needs(plan, name) for name in nodes}
        return Graph(nodes, needs, {name: _after(needs, name) for name in nodes}, plan.asks)

    def _needs(self, plan: Plan, name: str) -> frozenset[str]:
        found: set[str] = set()
        for need in self.by_name[name].needs:
            found |= self._needs(plan, need) if need in plan.leaves_out else {need}
        return frozenset(found)


def _after(needs: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    direct = {other for other in needs if name in needs[other]}
    return frozenset(direct.union(*(_after(needs, other) for other in direct)))
