"""What a journal looks like after one more event; pure."""

from collections.abc import Callable
from typing import Any, Final

from journal_contracts import events
from journal_contracts.api import ChosenView, JournalView, PhaseView, TroubleView
from journal_contracts.message import PublicEvent
from journal_contracts.realtime import Happened

Change = dict[str, Any]


def follow(view: JournalView, happened: Happened) -> JournalView | None:
    """The view with the event in it. None: ask for the state, it changed in more than one place
    or something between was missed."""
    if happened.n is None or happened.n <= view.n:
        return view
    if happened.n > view.n + 1 or happened.type in ANEW:
        return None
    seen = {"n": happened.n, "updated_at": happened.at}
    if happened.type in HEARD:
        kind, change = HEARD[happened.type]
        event = kind.model_validate(happened.data)
        seen |= {"percent": event.percent, **change(view, event)}
    return view.model_copy(update=seen)


def _started(view: JournalView, event: events.PhaseStarted) -> Change:
    fresh = {"agent": event.agent, "status": "running", "done": 0, "parts": event.parts}
    return _phase(view, event.phase, **fresh)


def _advanced(view: JournalView, event: events.PhaseAdvanced) -> Change:
    return _phase(view, event.phase, done=event.done, parts=event.parts)


def _completed(view: JournalView, event: events.PhaseCompleted) -> Change:
    parts = max((phase.parts for phase in view.phases if phase.name == event.phase), default=0)
    return _phase(view, event.phase, status="done", done=parts, seconds=event.seconds)


def _failed(view: JournalView, event: events.PhaseFailed) -> Change:
    if event.retrying:
        return {}
    trouble = TroubleView(code=event.code, detail=event.detail, phase=event.phase)
    return {**_phase(view, event.phase, status="failed"), "trouble": trouble}


def _requested(view: JournalView, event: events.DecisionRequested) -> Change:
    others = (open_ for open_ in view.open_decisions if open_.id != event.decision.id)
    return {"open_decisions": (*others, event.decision)}


def _closed(view: JournalView, event: events.DecisionClosed) -> Change:
    chosen = ChosenView(
        id=event.decision_id,
        rev=event.rev,
        choice=event.choice,
        chosen_by=event.chosen_by,
        at=event.at,
        label=event.label,
    )
    still_open = tuple(open_ for open_ in view.open_decisions if open_.id != event.decision_id)
    return {"open_decisions": still_open, "decisions": (*view.decisions, chosen)}


def _crafted(view: JournalView, event: events.CraftCompleted) -> Change:
    return {"status": "completed", "title": event.title, "open_decisions": ()}


def _given_up(view: JournalView, event: events.CraftFailed) -> Change:
    trouble = TroubleView(code=event.code, detail=event.detail)
    return {"status": "failed", "trouble": view.trouble or trouble, "open_decisions": ()}


def _cancelled(view: JournalView, event: PublicEvent) -> Change:
    return {"status": "cancelled", "open_decisions": ()}


def _phase(view: JournalView, name: str, **change: Any) -> Change:
    blank = PhaseView(name=name, agent="", status="waiting", done=0, parts=0)
    known = {phase.name: phase for phase in view.phases}
    known[name] = known.get(name, blank).model_copy(update=change)
    return {"phases": tuple(known.values())}


Kind = type[PublicEvent]
HEARD: Final[dict[str, tuple[Kind, Callable[[JournalView, Any], Change]]]] = {
    events.PhaseStarted.name: (events.PhaseStarted, _started),
    events.PhaseAdvanced.name: (events.PhaseAdvanced, _advanced),
    events.PhaseCompleted.name: (events.PhaseCompleted, _completed),
    events.PhaseFailed.name: (events.PhaseFailed, _failed),
    events.DecisionRequested.name: (events.DecisionRequested, _requested),
    events.DecisionClosed.name: (events.DecisionClosed, _closed),
    events.CraftCompleted.name: (events.CraftCompleted, _crafted),
    events.CraftFailed.name: (events.CraftFailed, _given_up),
    events.CraftCancelled.name: (events.CraftCancelled, _cancelled),
    events.CraftDeleted.name: (events.CraftDeleted, _cancelled),
}
ANEW: Final = {
    kind.name
    for kind in (
        *(events.CraftPaused, events.CraftResumed, events.CraftRetried),
        *(events.DecisionExtended, events.DecisionHandedOver),
    )
}
"""Events after which the whole state is asked for."""
