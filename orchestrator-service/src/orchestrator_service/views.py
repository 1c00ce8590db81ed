"""How a journal's state is shown; pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from journal_contracts.api import (
    ChosenView,
    HistoryEntry,
    JournalView,
    PhaseView,
    QueueView,
    ResearchView,
    Status,
    TroubleView,
    UsageView,
)
from journal_contracts.product import Role
from orchestrator_service import answers, steps
from orchestrator_service.state import PhaseState, Saga
from orchestrator_service.store import HistoryRow


def status_of(saga: Saga) -> Status:
    """`waiting` when only a person can let it go on; steps under way may still come to an end."""
    if saga.status != "running":
        return saga.status
    return "running" if saga.is_working and not saga.is_held else "waiting"


def journal_view(
    saga: Saga,
    created_at: datetime,
    updated_at: datetime,
    queue: QueueView | None = None,
    seconds_left: float | None = None,
    *,
    role: Role = "owner",
) -> JournalView:
    """The whole state, as its readers see it; `queue` where its next step waits for room."""
    title = steps.title(saga)
    found = saga.facts.get("preflight", {})
    return JournalView(
        id=saga.id,
        theme=saga.request.theme,
        plan=saga.request.plan,
        title=title.text if title else None,
        status=status_of(saga),
        percent=saga.percent,
        n=saga.n,
        created_at=created_at,
        updated_at=updated_at,
        phases=_phases(saga),
        open_decisions=answers.open_questions(saga),
        decisions=_decisions(saga),
        usage=UsageView.model_validate(saga.usage.model_dump()),
        model=found.get("model"),
        sample_text=found.get("sample_text", False),
        trouble=_trouble(saga),
        paused_until=saga.paused_until,
        queue=queue,
        eta_seconds=seconds_left,
        research=_research(saga),
        pictures=saga.facts.get("binding", {}).get("pictures", {}),
        role=role,
    )


def history_entries(row: HistoryRow) -> Iterator[HistoryEntry]:
    """A transition as the API shows it: a line for each thing the world was told, or one.

    What its step took and cost stands in the first line alone, so that sums are right.
    """
    shared = {"seq": row.seq, "cause": row.cause, "actor": row.actor, "at": row.at}
    step: dict[str, Any] = {
        "seconds": row.input.get("seconds"),
        "cost": row.input.get("usage", {}).get("cost"),
    }
    if not row.said:
        yield HistoryEntry(**shared, **step, n=None, type=row.cause, data={})
    for told in row.said:
        hidden = ("journal_id", "user_id", "n", "at", "also")
        data = {key: value for key, value in told["body"].items() if key not in hidden}
        yield HistoryEntry(**shared, **step, n=told["body"]["n"], type=told["type"], data=data)
        step = {}


def _research(saga: Saga) -> ResearchView | None:
    """Where the insights come from, as research told it."""
    told = saga.facts.get("research", {})
    if "from" not in told:
        return None
    origins = dict(told["from"])
    own = origins.pop("", 0)
    total = own + sum(origins.values())
    left_out = told.get("skipped", {})
    return ResearchView(insights=total, own=own, documents=origins, left_out=left_out)


def _phases(saga: Saga) -> tuple[PhaseView, ...]:
    """In the order of the table, whatever order storage kept."""
    names = [name for name in saga.graph.nodes if name in saga.phases]
    return tuple(_phase_view(saga, name, saga.phases[name]) for name in names)


def _phase_view(saga: Saga, name: str, state: PhaseState) -> PhaseView:
    done, parts = state.progress
    return PhaseView(
        name=name,
        agent=saga.definition.phase(name).agent,
        status=_phase_status(state),
        done=done,
        parts=parts,
        seconds=state.seconds,
    )


def _phase_status(
    state: PhaseState,
) -> Literal["waiting", "running", "done", "failed", "skipped"]:
    if any(part.state == "failed" for part in state.parts.values()):
        return "failed"
    match state.status:
        case "undo" | "undoing":
            return "running"
        case "done" if not state.work:
            return "skipped"
        case status:
            return status


def _decisions(saga: Saga) -> tuple[ChosenView, ...]:
    made = [(m.at, name, m) for name, state in saga.questions.items() for m in state.made]
    return tuple(
        ChosenView(id=name, rev=m.rev, choice=m.choice, chosen_by=m.by, at=at, label=m.label)
        for at, name, m in sorted(made, key=lambda row: row[:2])
    )


def _trouble(saga: Saga) -> TroubleView | None:
    trouble = saga.trouble
    return (
        TroubleView(code=trouble.code, detail=trouble.detail, phase=trouble.phase)
        if trouble
        else None
    )
