"""How a journal's phases go: what is ready begins, what is done lets the next begin; pure.

What was found wanting is done again, and what rested on it; effects that the world has seen are
taken back first.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from journal_contracts import events
from orchestrator_service import steps
from orchestrator_service.draft import Draft
from orchestrator_service.shares import part_of_half
from orchestrator_service.state import UNDO, Life, Part, Trouble, changed
from orchestrator_service.table import Node, Order, Phase

REJECTED: Final = "manuscript_below_standard"
"""The trouble of a book that was done again as often as may be, and is not good enough yet."""


class Crafting(Draft):
    """Begins phases and their parts, ends them, sends them back."""

    # --- what begins ----------------------------------------------------------------------------

    def ready(self) -> Node | None:
        """The next node that nothing keeps from beginning."""
        if self.saga.is_held or self._undoes():
            return None
        for name, node in self.graph.nodes.items():
            if self.status(name) == "waiting" and all(
                self.status(need) in ("done", "closed") for need in self.graph.needs[name]
            ):
                return node
        return None

    def start(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open every part; a part of an earlier round goes on with its next attempt."""
        state = self.saga.phases[name]
        parts = {n: p if n == UNDO else changed(p, state="dropped") for n, p in state.parts.items()}
        parts |= {part: self._opened(state.parts.get(part), state.round) for part in orders}
        self._run(name, parts, tuple(orders))

    def _start_more(self, name: str, orders: Mapping[str, Order]) -> None:
        """Open new parts beside those that stay done."""
        state = self.saga.phases[name]
        parts = {
            part: changed(self._opened(None, state.round), order=order)
            for part, order in orders.items()
        }
        self._run(name, {**state.parts, **parts}, tuple(orders))

    def _opened(self, before: Part | None, round_: int) -> Part:
        if before is None:
            return Part("open", round=round_)
        return changed(
            before,
            state="open",
            attempt=before.attempt + 1,
            tries=0,
            waits=0,
            needs=None,
            round=round_,
            promised=None,
        )

    def renew(self, phase: str, name: str, anew: bool) -> None:
        """The next attempt; `anew`: what models replied before is not to be used again."""
        part = self.saga.phases[phase].parts[name]
        self.set_part(phase, name, attempt=part.attempt + 1, round=part.round + anew)

    def _run(self, name: str, parts: Mapping[str, Part], opened: tuple[str, ...]) -> None:
        state = self.saga.phases[name]
        self.set_phase(name, changed(state, status="running", parts=parts, began=self.now))
        self.tell_of(events.PhaseStarted, name, parts=len(opened), round=state.round)
        self.send(name, opened)
        if not opened:
            self.complete_phase(name)

    def send(self, phase: str, names: tuple[str, ...]) -> None:
        """Give open steps of a phase to its workers; a held journal's, once it goes on."""
        state = self.saga.phases[phase]
        if self.saga.is_held:
            later = {n: changed(state.parts[n], state="retry", due=self.now) for n in names}
            self.set_phase(phase, changed(state, parts={**state.parts, **later}))
            return
        now_open = {
            "state": "open",
            "due": self.now + self.patience(self.saga.definition.phase(phase)),
            "promised": self._promise(len(names)),
        }
        opened = {name: changed(state.parts[name], **now_open) for name in names}
        self.set_phase(phase, changed(state, parts={**state.parts, **opened}))
        self.said += steps.commands(self.saga, phase, names)

    def _promise(self, steps: int) -> Decimal | None:
        """What each of these may cost."""
        left = self.saga.unpromised
        if left is None or not steps:
            return None
        return part_of_half(left, steps)

    # --- what is done, and done again -----------------------------------------------------------

    def complete_phase(self, name: str) -> None:
        state = self.saga.phases[name]
        seconds = (self.now - (state.began or self.now)).total_seconds()
        self.set_phase(name, changed(state, status="done", seconds=seconds))
        self.measure()
        self.tell_of(events.PhaseCompleted, name, seconds=seconds)
        judge = self.saga.definition.phase(name)
        if judge.judges and self._ordered_again(name):
            if state.judged < judge.rounds:
                self._order_again(judge)
            elif judge.insists:
                self._reject(name)

    def _ordered_again(self, judge: str) -> Sequence[Order]:
        """The parts that the phase found wanting."""
        orders: Sequence[Order] = self.saga.facts.get(judge, {}).get("again", ())
        return orders

    def _order_again(self, judge: Phase) -> None:
        """Only what was found wanting is done again; then what rests on it is."""
        assert judge.judges is not None  # noqa: S101 - whoever asks knows it is one
        orders = self._ordered_again(judge.name)
        state = self.saga.phases[judge.name]
        self.set_phase(judge.name, changed(state, judged=state.judged + 1))
        self._send_back_to(judge.judges)
        round_ = self.saga.phases[judge.judges].round
        self._start_more(judge.judges, {f"{o['part']}-again-{round_}": o for o in orders})

    def _reject(self, name: str) -> None:
        """It was done again often enough: now the user decides."""
        self.set_phase(name, changed(self.saga.phases[name], status="running"))
        self.set_part(name, "", state="failed")
        detail = str(self._ordered_again(name)[0]["notes"])
        self.trouble(Trouble(REJECTED, detail[:500], name))
        self.tell_of_failure(name, "", REJECTED, detail[:500], retrying=False)

    def start_over_at(self, name: str) -> None:
        """The user wants it anew: whoever judges what comes of it has all its rounds again."""
        for other in (name, *self.graph.after[name]):
            if other in self.saga.phases:
                self.set_phase(other, changed(self.saga.phases[other], judged=0))
        self._send_back_to(name)

    def _send_back_to(self, name: str) -> None:
        """A phase gets a new round; all that rests on it waits for that, its effects undone."""
        for other in (name, *self.graph.after[name]):
            if other in self.saga.phases:
                self._drop(other)
            else:
                asked = self.saga.questions[other]
                self.set_question(other, changed(asked, status="waiting", due=None))
        state = self.saga.phases[name]
        self.set_phase(name, changed(state, round=state.round + 1))

    def _drop(self, name: str) -> None:
        """Nobody waits any more for what is under way in a phase."""
        state = self.saga.phases[name]
        has_effect = self.saga.definition.phase(name).undo and state.status == "done"
        status = state.status if state.status in ("undo", "undoing") else "waiting"
        parts = {
            part: row
            if part == UNDO or row.state == "done"
            else changed(row, state="dropped", due=None)
            for part, row in state.parts.items()
        }
        self.set_phase(name, changed(state, status="undo" if has_effect else status, parts=parts))

    def _undoes(self) -> bool:
        """Take effects back one by one, the last first; whether any is left."""
        phases = self.saga.phases
        left = {name for name, state in phases.items() if state.status in ("undo", "undoing")}
        if not left:
            return False
        name = [name for name in self.graph.nodes if name in left][-1]
        if (state := phases[name]).status == "undo":
            part = self._opened(state.parts.get(UNDO), state.round)
            parts = {**state.parts, UNDO: part}
            self.set_phase(name, changed(state, status="undoing", parts=parts))
            self.send(name, (UNDO,))
        return True

    def wait_again(self, name: str) -> None:
        self.set_phase(name, changed(self.saga.phases[name], status="waiting"))

    # --- the journal's end, and what may follow ------------------------------------------------

    def complete_journal(self) -> None:
        title = steps.title(self.saga)
        self.end("completed")
        self.saga = changed(self.saga, percent=100)
        self.tell(events.CraftCompleted, title=title.text if title else self.saga.request.theme)

    def give_up(self, trouble: Trouble) -> None:
        self.trouble(trouble)
        self.end("failed")
        self.tell(events.CraftFailed, code=trouble.code, detail=trouble.detail)

    def end(self, status: Life) -> None:
        """Nothing is due any more; what is made stays."""
        for phase, name, _ in self.parts():
            self.set_part(phase, name, due=None)
        for name, state in self.saga.questions.items():
            self.set_question(name, changed(state, due=None))
        self.saga = changed(self.saga, status=status, paused_at=None, paused_until=None)

    def reopen(self) -> None:
        """Whatever failed or was open when the journal ended is done again; the rest stays."""
        trouble = self.saga.trouble
        rejected = trouble.phase if trouble and trouble.code == REJECTED else None
        self.saga = changed(self.saga, trouble=None)
        for phase, name, part in self.parts():
            if not self.saga.phases[phase].is_at_work or part.due or part.state == "done":
                continue
            if phase == rejected:
                self._order_again(self.saga.definition.phase(phase))
            elif part.state != "dropped":
                self.renew(phase, name, anew=part.state == "failed")
                self.set_part(phase, name, tries=0)
                self.send(phase, (name,))
        for name, question in self.saga.questions.items():
            if question.status == "open" and question.due is None:
                self.set_question(name, changed(question, status="waiting"))
