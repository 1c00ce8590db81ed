"""How a journal under way moves on to the next version of the table; pure and total."""

from dataclasses import replace
from datetime import datetime

from journal_contracts.decisions import Choice
from orchestrator_service.plan import DEFINITIONS
from orchestrator_service.state import Made, PhaseState, QuestionState, Saga
from orchestrator_service.table import Graph, Phase, Question


def moved(saga: Saga, to: int, now: datetime) -> Saga:
    """The journal under version `to`, at the same place.

    What the new table has anew waits its turn, unless something that rests on it has begun: then it
    is passed over. What it has no more is forgotten, with whatever was open of it. No finished
    phase is begun again.
    """
    graph = DEFINITIONS[to].graphs[saga.request.plan]
    phases = {n: saga.phases.get(n) for n, node in graph.nodes.items() if isinstance(node, Phase)}
    questions = {n: saga.questions.get(n) for n in graph.nodes if n not in phases}
    begun = {
        name
        for name in (*phases, *questions)
        if (known := phases.get(name) or questions.get(name)) and known.status != "waiting"
    }
    unforeseen = {n: q for n, q in saga.questions.items() if n not in saga.graph.nodes}
    return replace(
        saga,
        version=to,
        phases={
            name: state or PhaseState("done" if _is_passed(graph, name, begun) else "waiting")
            for name, state in phases.items()
        },
        questions={
            name: state or _question(graph, name, begun, now) for name, state in questions.items()
        }
        | unforeseen,
    )


def _question(graph: Graph, name: str, begun: set[str], now: datetime) -> QuestionState:
    """A question that is passed over has its default for an answer."""
    if not _is_passed(graph, name, begun):
        return QuestionState()
    node = graph.nodes[name]
    assert isinstance(node, Question)  # noqa: S101 - what is no phase is a question
    return QuestionState("closed", made=(Made(0, Choice(option=node.default), "plan", now),))


def _is_passed(graph: Graph, name: str, begun: set[str]) -> bool:
    return not begun.isdisjoint(graph.after[name])
