"""What a journal asks its user, planned or unforeseen, and what follows from the answer; pure."""

from datetime import datetime
from typing import Final
from uuid import UUID

from journal_contracts import events
from journal_contracts.decisions import Choice, ChosenBy
from orchestrator_service import answers
from orchestrator_service.crafting import Crafting
from orchestrator_service.questions import AFTER_FAILURE, OVER_BUDGET, OVER_QUOTA
from orchestrator_service.state import Made, QuestionState, Trouble, changed
from orchestrator_service.table import Question

CHEAPER: Final = "cheaper"
SPENT: Final = {
    OVER_BUDGET.name: "The journal cost what it was allowed to.",
    OVER_QUOTA.name: "The journals of its user cost what they may on a day.",
}
"""Why a journal stops, by the question whose answer stops it."""


class Asking(Crafting):
    """Opens questions and closes them."""

    def ask(self, question: Question) -> None:
        """Open a question, unless the request or the plan has answered it already."""
        name = question.name
        rev = self._open(question)
        given = self.saga.prepared.get(name)
        if given is None and rev == 1:
            given = self.saga.request.answers.get(name)
        rest = {key: choice for key, choice in self.saga.prepared.items() if key != name}
        self.saga = changed(self.saga, prepared=rest)
        if given and answers.fits(self.saga, name, given):
            self.close(name, given, "request")
        elif self.saga.request.unattended:
            self.close(name, Choice(option=answers.default(self.saga, name)), "default")
        elif name not in self.graph.asks:
            self.close(name, Choice(option=answers.default(self.saga, name)), "plan")
        else:
            self._tell_of_question(name)

    def ask_after_failure(self) -> None:
        state = self.saga.questions.get(AFTER_FAILURE.name)
        if state is None or state.status == "closed":
            self._ask_unforeseen(AFTER_FAILURE)

    def ask_for_more(self) -> None:
        if not self.saga.is_over_budget:
            self._ask_unforeseen(OVER_BUDGET)

    def ask_about_the_day(self, until: datetime) -> None:
        """When the day turns there is nothing to ask any more: then it goes on."""
        self._open(OVER_QUOTA, until)
        if self.saga.request.unattended:
            self.close(OVER_QUOTA.name, Choice(option=OVER_QUOTA.default), "default")
        else:
            self._tell_of_question(OVER_QUOTA.name)

    def _ask_unforeseen(self, question: Question) -> None:
        self._open(question)
        self._tell_of_question(question.name)

    def _tell_of_question(self, name: str) -> None:
        view = answers.view(self.saga, name, self.saga.questions[name])
        self.tell(events.DecisionRequested, decision=view)

    def _open(self, question: Question, until: datetime | None = None) -> int:
        """Open the next revision of a question, to `until` at most, and return its number.

        In a pause its time does not run: `_resume` moves it as it moves that of the others.
        """
        state = self.saga.questions.get(question.name, QuestionState())
        due = (self.saga.paused_at or self.now) + self.patience(question)
        due = min(due, until or due)
        opened = changed(state, status="open", rev=state.rev + 1, due=due)
        self.set_question(question.name, opened)
        return opened.rev

    def is_asked(self, name: str) -> bool:
        state = self.saga.questions.get(name)
        return state is not None and state.status == "open"

    def extend(self, name: str, until: datetime) -> None:
        state = self.saga.questions[name]
        self.set_question(name, changed(state, due=until))
        self.tell(events.DecisionExtended, decision_id=name, rev=state.rev, deadline=until)

    def hand_over(self, name: str, to: UUID) -> None:
        state = self.saga.questions[name]
        self.set_question(name, changed(state, also=to))
        self.tell(events.DecisionHandedOver, decision_id=name, rev=state.rev, to=to)

    def close(self, name: str, choice: Choice, by: ChosenBy) -> None:
        self.keep_answer(name, choice, by)
        if name == AFTER_FAILURE.name:
            self._after_failure(choice)
        elif name in SPENT:
            self._spend(name, choice)
        elif target := answers.question(self.saga, name).back.get(choice.option):
            asked = self.saga.questions[name]
            self.set_question(name, changed(asked, wishes=asked.wishes + 1))
            self.start_over_at(target)

    def keep_answer(self, name: str, choice: Choice, by: ChosenBy) -> None:
        state = self.saga.questions[name]
        label = answers.label(self.saga, name, choice)
        made = (*state.made, Made(state.rev, choice, by, self.now, label))
        closed = changed(state, status="closed", due=None, made=made, also=None)
        self.set_question(name, closed)
        self.tell(
            events.DecisionClosed,
            decision_id=name,
            rev=state.rev,
            choice=choice,
            chosen_by=by,
            label=label,
        )

    def _after_failure(self, choice: Choice) -> None:
        if choice.option == "give_up":
            self.give_up(self.saga.trouble or Trouble("unknown", "", ""))
        else:
            self.reopen()

    def _spend(self, name: str, choice: Choice) -> None:
        """Go on as the user wants it, once something has cost what it may."""
        match choice.option:
            case "stop":
                self.give_up(Trouble(name, SPENT[name], ""))
            case "cheaper":
                self.saga = changed(self.saga, request=changed(self.saga.request, models=CHEAPER))
                for phase, part, row in self.parts():
                    if row.waits and row.state == "retry":
                        self.set_part(phase, part, due=self.now)
