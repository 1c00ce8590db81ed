"""Answers to a journal's questions, more time for them, and other people who may give them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from chassis.errors import ServiceError
from journal_contracts.api import Answer, AnswerResult, Extension, HandOver, JournalView
from journal_contracts.decisions import Choice, Verdict
from journal_contracts.themes import refusal_of
from orchestrator_service import answers
from orchestrator_service.engine.transitions import Transitions
from orchestrator_service.happenings import Answered, Extended, HandedOver, Happening
from orchestrator_service.ownership import Wish, check_may, view_of
from orchestrator_service.state import Made, Saga
from orchestrator_service.welcome import ThemeRefused


class ChoiceDoesNotFit(ServiceError):
    """The choice is none of those offered, or lacks what it needs."""

    status = 422


class NoteHasNoPlace(ServiceError):
    """A note is on something that no revision changes."""

    status = 422


class DecisionConflict(ServiceError):
    """Another answer was first."""

    status = 409


class DecisionExpired(ServiceError):
    """The deadline, or the end of the journal, was first."""

    status = 410


class DecisionUnknown(ServiceError):
    """This was never asked."""

    status = 404


class DecisionClosed(ServiceError):
    """This is not asked any more."""

    status = 409


class Decisions:
    """Whichever answer comes first counts; all others are told of it."""

    REFUSALS: ClassVar[dict[Verdict, type[ServiceError]]] = {
        "conflict": DecisionConflict,
        "expired": DecisionExpired,
        "unknown": DecisionUnknown,
    }

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    async def answer(
        self, user_id: UUID, journal_id: UUID, question: str, answer: Answer
    ) -> AnswerResult:
        """Put an answer to the saga: of who may decide, or of whom the question was handed to."""
        told: list[tuple[Verdict, Made | None]] = []
        unwelcome = refusal_of(answer.choice.text or "")

        def look(saga: Saga) -> Happening | None:
            asked = saga.questions.get(question)
            if asked is None or user_id != asked.also:
                check_may(user_id, saga, "decide")
            verdict, made = answers.judge(saga, question, answer.rev, answer.choice)
            told[:] = [(verdict, made)]
            if verdict != "accepted":
                return None
            if not answers.fits(saga, question, answer.choice):
                raise ChoiceDoesNotFit("This choice is not offered, or lacks its text or notes.")
            if answers.names_what_is_settled(answer.choice):
                raise NoteHasNoPlace("Title, cover and notice stay as they are.")
            if unwelcome:
                raise ThemeRefused(unwelcome)
            return Answered(question, answer.choice)

        await self._transitions.decide(journal_id, look, actor="user")
        verdict, made = told[0]
        result = AnswerResult(
            result=verdict,
            decision_id=question,
            rev=answer.rev,
            choice=made.choice if made else answer.choice,
            chosen_by=made.by if made else "user",
        )
        if refusal := self.REFUSALS.get(verdict):
            winner = result.model_dump(mode="json", include={"choice", "chosen_by"}) if made else {}
            raise refusal(refusal.__doc__ or "", **winner)
        return result

    async def extend(
        self, user_id: UUID, journal_id: UUID, question: str, more: Extension
    ) -> JournalView:
        """Give an open question until so many seconds from now; never less than it has."""
        until = self._transitions.clock.now() + timedelta(seconds=more.seconds)

        def look(saga: Saga) -> Happening | None:
            due = check_open(user_id, saga, question, more.rev, "decide")
            return Extended(question, until) if due is None or due < until else None

        row = await self._transitions.decide(journal_id, look, actor="user")
        return view_of(row, user_id)

    async def check_own(
        self, user_id: UUID, journal_id: UUID, question: str, rev: int
    ) -> JournalView:
        """The journal, where its owner could hand this open question over."""

        def look(saga: Saga) -> None:
            check_open(user_id, saga, question, rev, "own")

        row = await self._transitions.decide(journal_id, look, actor="user")
        return view_of(row, user_id)

    async def hand_over(
        self, user_id: UUID, journal_id: UUID, question: str, order: HandOver
    ) -> JournalView:
        """Let somebody else, named by id, answer an open question too; its owner says so."""
        to = order.to
        assert to is not None  # noqa: S101 - who is named by address is invited first

        def look(saga: Saga) -> Happening | None:
            check_open(user_id, saga, question, order.rev, "own")
            has_it = saga.questions[question].also == to
            return None if has_it else HandedOver(question, to)

        row = await self._transitions.decide(journal_id, look, actor="user")
        return view_of(row, user_id)


def check_in_advance(choices: Iterable[tuple[str, Choice]]) -> None:
    """Refuse what cannot be answered before it is asked."""
    for question, choice in choices:
        if not answers.fits_in_advance(question, choice):
            raise ChoiceDoesNotFit(f"The choice for {question} cannot be made in advance.")


def check_open(user_id: UUID, saga: Saga, question: str, rev: int, wish: Wish) -> datetime | None:
    """The deadline of an open question, for who may do this with it."""
    check_may(user_id, saga, wish)
    asked = saga.questions.get(question)
    if asked is None or not 1 <= rev <= asked.rev:
        raise DecisionUnknown("This was never asked.")
    if saga.is_over or asked.status != "open" or asked.rev != rev:
        raise DecisionClosed("This is not asked any more.")
    return asked.due
