"""After a life: the promises of `tests/faults/invariants.sql`, asked of what is kept and seen."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from journal_contracts.catalogue import ORCHESTRATOR
from journal_contracts.events import (
    CraftDeleted,
    DecisionClosed,
    DecisionExtended,
    DecisionRequested,
)
from journal_contracts.message import StepRef
from orchestrator_service.engine.causes import replayed

from .fate import FAULTS
from .replicas import Servers
from .rows import Rows, Told
from .users import Crowd

AWAY: Final = {fault for fault in FAULTS if fault.startswith("store")}
"""While these strike, a lease may run out under the hands of the living."""


def broken(servers: Servers, crowd: Crowd) -> list[str]:
    """Each broken promise, with where it was broken."""
    rows = servers.rows
    found = [f"told_wrongly: {wrong}" for wrong in crowd.wrong]
    found += [f"letter_left_in_the_outbox: {n.letter.name} {n.state}" for n in rows.outbox.values()]
    for journal in crowd.ordered:
        if journal in rows.journals:
            story = [
                (t.seq, t, json.loads(t.input), json.loads(t.said)) for t in rows.history[journal]
            ]
            checks = (_course, _telling, _deciding, _working)
            found += [f"{b}: {journal}" for check in checks for b in check(journal, story, servers)]
        elif journal not in crowd.gone:
            found.append(f"ordered_journal_missing: {journal}")
        else:
            found += [f"{b}: {journal}" for b in _gone(journal, servers)]
    found += _answers(servers, crowd)
    found += [f"model_called_again_without_a_death: {step}" for step in _paid_twice(servers)]
    if not servers.fate.struck.keys() & AWAY:
        found += [f"lease_ran_out_on_the_living: {step}" for step in servers.books.robbed]
    found += [
        f"letter_died: {grave}" for grave in servers.broker.graves if grave[1] != "unreadable"
    ]
    found += [
        f"answer_postponed: {queue}"
        for queue in servers.broker.postponed
        if queue.startswith(ORCHESTRATOR)
    ]
    return found


def is_open(rows: Rows, step: StepRef) -> bool:
    """Whether a journal waits for exactly this step."""
    row = rows.journals.get(step.journal_id)
    phase = row.saga.phases.get(step.phase) if row and not row.saga.is_over else None
    part = phase.parts.get(step.part) if phase and phase.is_at_work else None
    return part is not None and (part.state, part.attempt) == ("open", step.attempt)


Story = list[tuple[int, Told, Any, Any]]
"""Transitions in order: number, line, input, said."""


def _course(journal: UUID, story: Story, servers: Servers) -> Iterator[str]:
    row = servers.rows.journals[journal]
    if not row.saga.is_over:
        yield "journal_without_an_end" if row.saga.due else "open_journal_without_a_deadline"
    if [seq for seq, *_ in story] != list(range(1, row.version + 1)):
        yield "history_with_a_gap"
    entries = [(told.cause, input_, told.at) for _, told, input_, _ in story]
    if replayed(journal, row.saga.user_id, entries) != row.saga:
        yield "replay_that_differs"


def _telling(journal: UUID, story: Story, servers: Servers) -> Iterator[str]:
    told = [(each["body"]["n"], each["type"]) for *_, said in story for each in said]
    heard = {(n, name) for about, n, name in servers.broker.heard if about == journal}
    if [n for n, _ in told] != list(range(1, len(told) + 1)):
        yield "public_events_with_a_gap"
    yield from (f"event_nobody_heard {event}" for event in told if event not in heard)
    yield from (f"event_without_a_transition {event}" for event in sorted(heard - {*told}))


def _deciding(journal: UUID, story: Story, servers: Servers) -> Iterator[str]:
    deadlines: dict[tuple[str, int], datetime] = {}
    closed: Counter[tuple[str, int]] = Counter()
    for _, _, _, said in story:
        for each in said:
            body = each["body"]
            match each["type"]:
                case DecisionRequested.name:
                    asked = body["decision"]
                    deadline = datetime.fromisoformat(asked["deadline"])
                    deadlines[asked["id"], asked["rev"]] = deadline
                case DecisionExtended.name:
                    deadline = datetime.fromisoformat(body["deadline"])
                    deadlines[body["decision_id"], body["rev"]] = deadline
                case DecisionClosed.name:
                    closed[body["decision_id"], body["rev"]] += 1
    made = {key[1:]: d for key, d in servers.rows.decisions.items() if key[0] == journal}
    yield from (f"pause_decided_twice {key}" for key, times in closed.items() if times > 1)
    yield from (f"decision_without_its_event {key}" for key in made if key not in closed)
    yield from (f"event_without_its_decision {key}" for key in closed if key not in made)
    for key, decision in made.items():
        if decision.by == "default" and key in deadlines and decision.at < deadlines[key]:
            yield f"default_before_its_deadline {key}"


def _working(journal: UUID, story: Story, servers: Servers) -> Iterator[str]:
    done = [input_ for _, told, input_, _ in story if told.cause == "step_finished"]
    steps = Counter((step["phase"], step["part"], step["attempt"]) for step in done)
    yield from (f"step_accepted_twice {step}" for step, times in steps.items() if times > 1)
    shelf = [told.cause for _, told, *_ in story if told.cause.startswith("assets_")]
    if ("assets_registered",) * 2 in pairwise(shelf):
        yield "effect_made_twice_and_not_undone"
    kept = {
        (c.phase, c.part) for c in servers.books.calls.values() if c.journal == journal and c.reply
    }
    for step in done:
        if (step["phase"], step["part"]) not in kept:
            yield f"finished_step_not_in_the_ledger {step['phase']}"
        if step["artifact"] not in servers.files:
            yield f"artifact_missing {step['artifact']}"


def _gone(journal: UUID, servers: Servers) -> Iterator[str]:
    heard = {name for about, _, name in servers.broker.heard if about == journal}
    if heard and CraftDeleted.name not in heard:
        yield "end_nobody_heard"
    if journal in servers.rows.history or any(key[0] == journal for key in servers.rows.decisions):
        yield "something_left_of_a_deleted_journal"


def _answers(servers: Servers, crowd: Crowd) -> Iterator[str]:
    for answer, times in Counter(crowd.accepted).items():
        decision = servers.rows.decisions.get(answer)
        if times > 1:
            yield f"answer_accepted_twice: {answer}"
        if answer[0] not in crowd.gone and (decision is None or decision.by != "user"):
            yield f"accepted_answer_lost: {answer}"


def _paid_twice(servers: Servers) -> Iterator[str]:
    """Calls beyond those whose reply is kept, or whose maker died, failed or was stopped."""
    books = servers.books
    explained = Counter((c.journal, c.phase, c.part) for c in books.calls.values())
    explained += books.cut + books.taken_over
    for step, times in books.begun.items():
        if times > explained[step]:
            yield f"{step}: {times} calls"
