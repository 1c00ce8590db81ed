"""The course of a journal as people or an operator steer it: stand still, go on, end, again."""

from datetime import timedelta
from uuid import UUID

from chassis.errors import NotFound, ServiceError
from chassis.identity import OPERATOR_SCOPE, Caller
from journal_contracts.api import JournalView, PauseOrder, RetryOrder
from orchestrator_service.decisions import ChoiceDoesNotFit, check_in_advance
from orchestrator_service.engine.changes import Look
from orchestrator_service.engine.transitions import Transitions
from orchestrator_service.happenings import Cancel, Happening, Pause, Resume, Retry
from orchestrator_service.ownership import RoleTooSmall, Wish, check_may, view_of
from orchestrator_service.questions import AFTER_FAILURE
from orchestrator_service.state import Saga
from orchestrator_service.welcome import check_welcome


class JournalOver(ServiceError):
    """The journal is completed, failed or cancelled already."""

    status = 409


class JournalHasChanged(ServiceError):
    """Something happened to the journal since the state that the wish rests on."""

    status = 412


class NothingToRetry(ServiceError):
    """The journal is at work, or complete: there is nothing to take up again."""

    status = 409


class PhaseUnknown(ServiceError):
    """The journal has no such phase, or has not come to it."""

    status = 422


class Course:
    """Each wish is one transition; a wish that is granted already changes nothing.

    A wish may rest on what its user has `seen` (the state's `n`): then nothing may have happened
    since.
    """

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    async def pause(
        self, caller: Caller, journal_id: UUID, order: PauseOrder, seen: int | None = None
    ) -> JournalView:
        """Begin no new step, and take no default, for so long."""
        until = self._transitions.clock.now() + timedelta(seconds=order.seconds)

        def look(saga: Saga) -> Happening:
            _check_alive(saga)
            return Pause(until)

        return await self._steer(caller, journal_id, look, seen)

    async def resume(
        self, caller: Caller, journal_id: UUID, seen: int | None = None
    ) -> JournalView:
        """Go on with a paused journal."""

        def look(saga: Saga) -> Happening | None:
            _check_alive(saga)
            return Resume() if saga.paused_until is not None else None

        return await self._steer(caller, journal_id, look, seen)

    async def cancel(
        self, caller: Caller, journal_id: UUID, seen: int | None = None
    ) -> JournalView:
        """Stop a journal; what is made of it stays."""

        def look(saga: Saga) -> Happening | None:
            if saga.status == "cancelled":
                return None
            _check_alive(saga)
            return Cancel()

        return await self._steer(caller, journal_id, look, seen, "own")

    async def retry(
        self, caller: Caller, journal_id: UUID, order: RetryOrder, seen: int | None = None
    ) -> JournalView:
        """Take up a journal that ended or failed: at a phase, or where it stood."""
        changes = order.changes
        check_in_advance(changes.decisions.items())

        def look(saga: Saga) -> Happening:
            _check_stands_still(saga, order.phase)
            if not changes.decisions.keys() <= _asked_again(saga, order.phase):
                raise ChoiceDoesNotFit("A decision is changed that does not come again.")
            own = (choice.text for choice in changes.decisions.values())
            check_welcome(saga.request.theme, changes.audience, *own)
            return Retry(
                order.phase,
                {str(name): choice for name, choice in changes.decisions.items()},
                changes.title_style,
                changes.depth,
                changes.audience,
            )

        return await self._steer(caller, journal_id, look, seen)

    async def _steer(
        self,
        caller: Caller,
        journal_id: UUID,
        wish: Look,
        seen: int | None,
        kind: Wish = "steer",
    ) -> JournalView:
        """As who may; somebody else's, as an operator. `seen` is the `n` the wish rests on."""

        def unchanged(saga: Saga) -> Happening | None:
            if seen is not None and seen != saga.n:
                raise JournalHasChanged("The journal has changed meanwhile: look at it again.")
            return wish(saga)

        def look(saga: Saga) -> Happening | None:
            check_may(caller.user_id, saga, kind)
            return unchanged(saga)

        try:
            row = await self._transitions.decide(journal_id, look, actor="user")
        except (NotFound, RoleTooSmall):
            if OPERATOR_SCOPE not in caller.scopes:
                raise
            row = await self._transitions.decide(journal_id, unchanged, actor="operator")
        return view_of(row, caller.user_id)


def _check_alive(saga: Saga) -> None:
    if saga.is_over:
        raise JournalOver(f"The journal is {saga.status}.")


def _check_stands_still(saga: Saga, phase: str | None) -> None:
    """Only what has ended or failed is taken up again; what is complete, at a phase."""
    asked = saga.questions.get(AFTER_FAILURE.name)
    has_failed = asked is not None and asked.status == "open"
    if not (saga.is_over or has_failed):
        raise NothingToRetry("The journal is under way. Cancel it first.")
    if phase is None:
        if saga.status == "completed":
            raise NothingToRetry("The journal is complete. Name the phase to begin again with.")
    elif phase not in saga.phases or not saga.phases[phase].parts:
        raise PhaseUnknown("The journal has not come to a phase of this name.")


def _asked_again(saga: Saga, phase: str | None) -> set[str]:
    """The questions that are still to come, or come again."""
    waiting = {name for name, asked in saga.questions.items() if asked.status != "closed"}
    return waiting | (saga.graph.after[phase] if phase else set())
