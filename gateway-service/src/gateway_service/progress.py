"""How a journal's state moves with its events, in short; pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args

from journal_contracts import events
from journal_contracts.api import AtWork, JobState, JournalView, Pending, Status, TroubleView, Wish
from journal_contracts.catalogue import BY_NAME
from journal_contracts.decisions import DecisionView
from journal_contracts.message import PublicEvent
from journal_contracts.product import Role

OVER: Final = ("completed", "failed", "cancelled")
CAN: Final[dict[Status, tuple[Wish, ...]]] = {
    "running": ("pause", "cancel", "delete"),
    "waiting": ("pause", "cancel", "delete"),
    "completed": ("download", "retry", "delete"),
    "failed": ("retry", "download", "delete"),
    "cancelled": ("retry", "download", "delete"),
}
MAY: Final[dict[Role, frozenset[Wish]]] = {
    "owner": frozenset(get_args(Wish)),
    "editor": frozenset({"answer", "pause", "resume", "retry", "download"}),
    "viewer": frozenset({"download"}),
}
"""What each may do of what could be done."""


def state_of(view: JournalView, asked_at: datetime) -> JobState:
    """The orchestrator's own word."""
    at_work = tuple(
        AtWork(phase=phase.name, agent=phase.agent, done=phase.done, parts=phase.parts)
        for phase in view.phases
        if phase.status == "running"
    )
    return _settled(
        JobState(
            id=view.id,
            status=view.status,
            percent=view.percent,
            n=view.n,
            at_work=at_work,
            open_decisions=tuple(map(_pending, view.open_decisions)),
            paused_until=view.paused_until,
            trouble=view.trouble,
            cost=view.usage.cost,
            eta_seconds=view.eta_seconds,
            updated_at=view.updated_at,
            asked_at=asked_at,
            role=view.role,
        )
    )


def event_of(frame: dict[str, Any]) -> PublicEvent | None:
    """The public event in a durable frame; None where this gateway does not know it."""
    entry = BY_NAME.get(frame["type"])
    if entry is None or not issubclass(entry.message, PublicEvent):
        return None
    return entry.message.model_validate(frame["data"])


def moved(state: JobState, event: PublicEvent) -> JobState | None:
    """The state after an event; what it has in it already changes nothing. None: deleted."""
    if event.n <= state.n:
        return state
    if isinstance(event, events.CraftDeleted):
        return None
    changes = {
        **{"n": event.n, "percent": event.percent, "updated_at": event.at},
        **_work(state, event),
        **_questions(state, event),
        **_course(event),
    }
    return _settled(state.model_copy(update=changes))


def _work(state: JobState, event: PublicEvent) -> dict[str, Any]:
    match event:
        case events.PhaseStarted(phase=phase, agent=agent, parts=parts):
            begun = AtWork(phase=phase, agent=agent, done=0, parts=parts)
            return {"at_work": (*_without(state.at_work, phase), begun)}
        case events.PhaseAdvanced(phase=phase, agent=agent, done=done, parts=parts):
            now = AtWork(phase=phase, agent=agent, done=done, parts=parts)
            return {"at_work": (*_without(state.at_work, phase), now)}
        case events.PhaseCompleted(phase=phase):
            return {"at_work": _without(state.at_work, phase)}
        case events.PhaseFailed(retrying=False, phase=phase, code=code, detail=detail):
            trouble = TroubleView(code=code, detail=detail, phase=phase)
            return {"at_work": _without(state.at_work, phase), "trouble": trouble}
    return {}


def _questions(state: JobState, event: PublicEvent) -> dict[str, Any]:
    match event:
        case events.DecisionRequested(decision=asked):
            return {"open_decisions": (*_closed(state, asked.id), _pending(asked))}
        case events.DecisionClosed(decision_id=closed):
            return {"open_decisions": _closed(state, closed)}
        case events.DecisionExtended(decision_id=asked_id, deadline=deadline):
            return {"open_decisions": tuple(_later(state, asked_id, deadline))}
    return {}


def _course(event: PublicEvent) -> dict[str, Any]:
    match event:
        case events.CraftPaused(until=until):
            return {"paused_until": until}
        case events.CraftResumed():
            return {"paused_until": None}
        case events.CraftRetried():
            return {"status": "running", "trouble": None}
        case events.CraftCompleted():
            return {"status": "completed", "trouble": None}
        case events.CraftFailed(code=code, detail=detail):
            return {"status": "failed", "trouble": TroubleView(code=code, detail=detail)}
        case events.CraftCancelled():
            return {"status": "cancelled"}
    return {}


def _settled(state: JobState) -> JobState:
    """What follows from the rest: nobody can what they may not."""
    state = _ended(state)
    return state.model_copy(update={"can": tuple(w for w in state.can if w in MAY[state.role])})


def _ended(state: JobState) -> JobState:
    """An end ends everything, and who waits for nobody is at work."""
    if state.status in OVER:
        over = {"at_work": (), "open_decisions": (), "paused_until": None, "eta_seconds": None}
        return state.model_copy(update={**over, "can": CAN[state.status]})
    held = state.paused_until is not None or (state.open_decisions and not state.at_work)
    can = CAN["running"]
    if state.paused_until is not None:
        can = ("resume", *can)
    if state.open_decisions:
        can = ("answer", *can)
    return state.model_copy(update={"status": "waiting" if held else "running", "can": can})


def _pending(asked: DecisionView) -> Pending:
    return Pending(id=asked.id, rev=asked.rev, question=asked.question, deadline=asked.deadline)


def _without(at_work: Sequence[AtWork], phase: str) -> tuple[AtWork, ...]:
    return tuple(work for work in at_work if work.phase != phase)


def _closed(state: JobState, decision: str) -> tuple[Pending, ...]:
    return tuple(asked for asked in state.open_decisions if asked.id != decision)


def _later(state: JobState, decision: str, deadline: datetime) -> list[Pending]:
    return [
        asked.model_copy(update={"deadline": deadline}) if asked.id == decision else asked
        for asked in state.open_decisions
    ]
