"""What follows from the answers of workers, and from those that do not come; pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from journal_contracts import events
from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, StepFailed, StepFinished
from journal_contracts.message import StepRef
from orchestrator_service.asking import Asking
from orchestrator_service.happenings import DeadlinePassed
from orchestrator_service.state import UNDO, Trouble, next_day

RETRIES: Final[Mapping[events.Trouble, int]] = {
    "rate_limit": 8,
    "timeout": 2,
    "invalid_output": 2,
    "infrastructure": 6,
    "fatal": 0,
}
"""How often a step is tried again without asking anyone, by what went wrong."""

FINAL: Final = frozenset({"theme_refused"})
"""Troubles that no further attempt can mend: there is nothing to ask."""

OVER_ALLOWANCE: Final = "over_allowance"
"""The trouble of a step that would cost more than is left: no failure, but a question."""
OVER_DAY: Final = "over_quota"
"""The same of a step that would cost more than is left of its user's day."""
TAKEN: Final = "quota_taken"
"""The same where others hold what it would need, and will give back what they do not."""

PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=2)
LONGEST_WAIT: Final = timedelta(minutes=10)
"""Until a step looks again whether there is room in its user's day."""


class Hearing(Asking):
    """Ends steps: done, failed, to be tried again, or missed."""

    def hear(self, answer: StepFinished | AssetsRegistered | AssetsWithdrawn | StepFailed) -> None:
        match answer:
            case StepFailed(usage=usage):
                self.count(usage)
                self._fail(answer)
            case StepFinished(usage=usage, facts=facts):
                self.count(usage)
                self.learn(answer.phase, facts)
                self._finish(answer)
            case _:
                self._finish(answer)
        self._watch_budget()

    def _finish(self, step: StepRef) -> None:
        made = step.attempt
        self.set_part(step.phase, step.part, state="done", made=made, due=None, promised=None)
        if step.part == UNDO:
            self.wait_again(step.phase)
            return
        done, parts = self.saga.phases[step.phase].progress
        self.measure()
        if done == parts:
            self.complete_phase(step.phase)
        else:
            self.tell_of(events.PhaseAdvanced, step.phase, part=step.part, done=done, parts=parts)

    def _fail(self, failure: StepFailed) -> None:
        """Try the step again a little later; when that was done often enough, leave it failed."""
        phase, name = failure.phase, failure.part
        part = self.saga.phases[phase].parts[name]
        if failure.code == OVER_ALLOWANCE:
            self.renew(phase, name, anew=False)
            self.set_part(phase, name, state="retry", due=self.now)
            self.ask_for_more()
            return
        if failure.code in (OVER_DAY, TAKEN):
            self._wait_for_room(failure)
            return
        if failure.code in FINAL:
            self.give_up(Trouble(failure.code, failure.detail, phase))
            return
        again = part.tries < RETRIES[failure.kind]
        if again:
            asked = timedelta(seconds=failure.retry_after) if failure.retry_after else None
            due = self.now + min(asked or PAUSE * 2**part.tries, LONGEST_PAUSE)
            self.set_part(phase, name, state="retry", tries=part.tries + 1, due=due)
            self.renew(phase, name, anew=failure.kind == "invalid_output")
        else:
            self.set_part(phase, name, state="failed", due=None)
            self.trouble(Trouble(failure.code, failure.detail, phase))
        self.tell_of_failure(phase, name, failure.code, failure.detail, again)

    def _wait_for_room(self, refused: StepFailed) -> None:
        """Look again a little later, when the day turns at the latest; ask where it is spent."""
        phase, name = refused.phase, refused.part
        waits = self.saga.phases[phase].parts[name].waits
        tomorrow = next_day(self.now)
        due = min(self.now + min(PAUSE * 2 ** min(waits, 9), LONGEST_WAIT), tomorrow)
        self.renew(phase, name, anew=False)
        told = {"waits": waits + 1, "needs": refused.needs}
        self.set_part(phase, name, state="retry", due=due, **told)
        if refused.code == OVER_DAY and not self.saga.is_patient_on(self.now):
            self.ask_about_the_day(tomorrow)

    def miss(self, phase: str, name: str, passed: DeadlinePassed) -> None:
        """No answer in time; the time counts from when the command was with the broker."""
        step = self.step(phase, name)
        patience = self.patience(self.saga.definition.phase(phase))
        key = f"{phase}/{name}/{step.attempt}"
        if key in passed.sent:
            due = (passed.sent[key] or self.now) + patience
            if due > self.now:
                self.set_part(phase, name, due=due)
                return
        self._fail(
            StepFailed(
                **step.model_dump(),
                kind="timeout",
                code="step_timed_out",
                detail="No answer came in time.",
            )
        )

    def _watch_budget(self) -> None:
        """A journal that has cost what it may is held, and its user is asked."""
        cost, allowance = self.saga.usage.cost, self.saga.allowance
        if cost is None or allowance is None or cost <= allowance or self.saga.is_over_budget:
            return
        if all(state.status == "done" for state in self.saga.phases.values()):
            return
        self.ask_for_more()
