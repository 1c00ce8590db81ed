"""Every state a journal can come to, by exhaustive search: none is stuck (R3.1d, R3.2c, R9.1d).

Breadth first from the order over all that may happen next. States count as one where they differ
in times, attempts, costs and words alone; fan-outs are cut to two parts, loops to one round, and a
step is tried again once before it fails for good: the same orders of events with less of them.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest
from tests.instant.tables import with_one_round, with_two_parts

from journal_contracts.decisions import OWN, Choice
from journal_contracts.product import PlanName
from orchestrator_service import answers, questions, steps
from orchestrator_service.happenings import (
    Answered,
    Begin,
    Cancel,
    DeadlinePassed,
    Happening,
    Retry,
)
from orchestrator_service.plan import DEFINITIONS, NEWEST
from orchestrator_service.questions import AFTER_FAILURE
from orchestrator_service.saga import advance
from orchestrator_service.state import Part, PhaseState, Saga
from orchestrator_service.table import Phase, Question

from .crew import JOURNAL, MONDAY, USER, failed, finished, request

TABLE: Final = 91
LATER: Final = MONDAY + timedelta(days=1)
ROUNDS: Final = 1
"""How often anything may be sent back."""
LIKE_EACH_OTHER: Final = ("s1", "t1", "6x9", "6x9-plain", "a4-plain")
"""Of options that differ in words alone, one is tried."""

JUDGES: Final = [
    node.name
    for node in DEFINITIONS[NEWEST].nodes
    if isinstance(node, Phase) and node.judges is not None
]
State = tuple[object, ...]


@dataclass
class Search:
    """What can be reached, and from where."""

    plan: PlanName
    sagas: dict[State, Saga] = field(default_factory=dict)
    before: dict[State, set[State]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: PlanName) -> "Search":
        search = cls(plan)
        ordered = request(plan)
        begun, _ = advance(Saga(JOURNAL, USER, ordered, TABLE), Begin(ordered, TABLE), MONDAY)
        search._spread(begun)
        return search

    def _spread(self, begun: Saga) -> None:
        queue = deque([self._met(begun)[0]])
        while queue:
            here = queue.popleft()
            for saga, message in happenings(self.sagas[here]):
                after, _ = advance(saga, message, MONDAY)
                there, is_new = self._met(after)
                self.before[there].add(here)
                if is_new:
                    queue.append(there)

    def _met(self, saga: Saga) -> tuple[State, bool]:
        state = essence(saga)
        if state in self.sagas:
            return state, False
        self.sagas[state] = without_times(saga)
        self.before[state] = set()
        return state, True

    def leading_to(self, goals: list[State]) -> set[State]:
        """Every state from which one of these can be reached."""
        found, queue = set(goals), deque(goals)
        while queue:
            for state in self.before[queue.popleft()] - found:
                found.add(state)
                queue.append(state)
        return found


def happenings(saga: Saga) -> Iterator[tuple[Saga, Happening]]:
    """All that may happen next, each with the state it happens to."""
    if saga.is_over:
        places = saga.phases if saga.status == "completed" else [None]
        yield from ((saga, Retry(place)) for place in places)
        return
    yield saga, Cancel()
    for name, phase in saga.phases.items():
        for part, row in phase.parts.items():
            if not phase.is_at_work or row.due is None:
                continue
            if row.state == "retry":
                due = replace(phase, parts={**phase.parts, part: replace(row, due=MONDAY)})
                now = replace(saga, phases={**saga.phases, name: due})
                yield now, DeadlinePassed()
            else:
                yield from ((saga, reply) for reply in replies(saga, name, part, row))
    for view in answers.open_questions(saga):
        late = replace(saga.questions[view.id], due=MONDAY)
        yield replace(saga, questions={**saga.questions, view.id: late}), DeadlinePassed()
        for option in view.options:
            if option.id[1:].isdigit() and option.id not in LIKE_EACH_OTHER:
                continue
            yield saga, Answered(view.id, complete(option.id))


def replies(saga: Saga, phase: str, part: str, row: Part) -> Iterator[Happening]:
    """What a worker may answer to an open step."""
    [step] = steps.commands(saga, phase, (part,))
    yield finished(step)  # type: ignore[arg-type] # one of the three commands there are
    yield failed(step)  # type: ignore[arg-type]
    if row.tries == 0:
        yield failed(step, "infrastructure")  # type: ignore[arg-type]
    if saga.definition.phase(phase).judges:
        again = [{"part": "days", "edition": "journal", "days": [3], "notes": ["short"]}]
        yield finished(step, again=again)  # type: ignore[arg-type]


def complete(option: str) -> Choice:
    notes = {"day 3": "Warmer, please."} if option == "changes" else {}
    return Choice(option=option, text="My own" if option == OWN else None, notes=notes)


def essence(saga: Saga) -> State:
    """What makes one state differ from another."""
    phases = tuple(
        (
            phase.status,
            min(phase.round, ROUNDS) if name == "discovery" else 0,
            min(phase.judged, ROUNDS),
            tuple(sorted(_essence(saga, part) for part in wanted(phase))),
        )
        for name, phase in saga.phases.items()
    )
    asked = tuple(
        (name, state.status, min(state.wishes, ROUNDS) if name == "draft" else 0)
        for name, state in saga.questions.items()
    )
    pictures = saga.chosen("pictures")
    return (
        saga.status,
        phases,
        asked,
        pictures and pictures.option,
        saga.trouble and saga.trouble.code,
        tuple(bool(saga.facts.get(judge, {}).get("again")) for judge in JUDGES),
    )


def wanted(phase: PhaseState) -> list[Part]:
    """What is not done, and still waited for."""
    return [part for part in phase.parts.values() if part.state not in ("done", "dropped")]


def _essence(saga: Saga, part: Part) -> tuple[str, bool]:
    """Whatever was under way when a journal ended, or has failed, starts over when it goes on."""
    if saga.is_over:
        return "wanted", False
    return part.state, part.state != "failed" and bool(part.tries)


def without_times(saga: Saga) -> Saga:
    """Everything that is due is due at one time, far off."""
    phases = {
        name: replace(
            phase,
            parts={
                part: replace(row, due=LATER if row.due else None)
                for part, row in phase.parts.items()
            },
        )
        for name, phase in saga.phases.items()
    }
    questions = {
        name: replace(asked, due=LATER if asked.due else None)
        for name, asked in saga.questions.items()
    }
    return replace(saga, phases=phases, questions=questions)


@pytest.fixture(autouse=True)
def _cut_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_one_round(with_two_parts(DEFINITIONS[NEWEST], TABLE))
    monkeypatch.setitem(DEFINITIONS, TABLE, table)
    monkeypatch.setattr(questions, "SETS_OF_TITLES", 1 + ROUNDS)
    monkeypatch.setattr(questions, "DRAFT_ROUNDS", ROUNDS)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "plan",
    [
        PlanName.EXPRESS,
        pytest.param(PlanName.STANDARD, marks=pytest.mark.deep),
        pytest.param(PlanName.COMPREHENSIVE, marks=pytest.mark.deep),
    ],
)
def test_no_state_a_journal_can_come_to_is_stuck(plan: PlanName) -> None:
    search = Search.of(plan)
    states = search.sagas
    note = f"{len(states)} states of the {plan} plan"

    waiting = [saga for saga in states.values() if not saga.is_over]
    assert all(saga.due is not None for saga in waiting), note
    assert all(saga.is_working or answers.open_questions(saga) for saga in waiting), note

    completed = [state for state, saga in states.items() if saga.status == "completed"]
    dead_ends = states.keys() - search.leading_to(completed)
    assert not dead_ends, f"{note}, {len(dead_ends)} dead ends: {next(iter(dead_ends))}"

    for saga in waiting:
        for view in answers.open_questions(saga):
            assert view.default in {option.id for option in view.options}, (note, view)

    _everything_of_the_table_is_seen(plan, list(states.values()))
    print(note)  # noqa: T201


def _everything_of_the_table_is_seen(plan: PlanName, sagas: list[Saga]) -> None:
    graph = DEFINITIONS[TABLE].graphs[plan]
    seen = {(name, phase.status) for saga in sagas for name, phase in saga.phases.items()}
    asked = {(name, q.status) for saga in sagas for name, q in saga.questions.items()}
    for name, node in graph.nodes.items():
        match node:
            case Phase(undo=undo):
                wanted = {"waiting", "running", "done"} | ({"undoing"} if undo else set())
                assert {(name, status) for status in wanted} <= seen
            case Question():
                assert (name, "closed") in asked
    assert {name for name, status in asked if status == "open"} == graph.asks | {AFTER_FAILURE.name}
    assert {saga.status for saga in sagas} == {"running", "completed", "failed", "cancelled"}
