"""The product's tables, shortened for what need not be long to be seen."""

from collections.abc import Callable
from dataclasses import replace

from orchestrator_service.table import Definition, Known, Node, Order, Phase

Parts = Callable[[Known], dict[str, Order]]


def with_two_parts(table: Definition, version: int) -> Definition:
    """Every fan-out is cut to two parts: enough to see them overtake each other."""

    def cut(node: Node) -> Node:
        return replace(node, parts=_at_most_two(node.parts)) if isinstance(node, Phase) else node

    return replace(table, version=version, nodes=tuple(map(cut, table.nodes)))


def with_one_round(table: Definition) -> Definition:
    """Whoever judges another's work may send it back once."""

    def cut(node: Node) -> Node:
        return replace(node, rounds=min(node.rounds, 1)) if isinstance(node, Phase) else node

    return replace(table, nodes=tuple(map(cut, table.nodes)))


def _at_most_two(parts: Parts) -> Parts:
    return lambda known: dict(list(parts(known).items())[:2])
