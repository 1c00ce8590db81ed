"""The life of a journal, as conversations with the pure core (R1.1a, R2.2, R3.1, R3.2)."""

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal_contracts.api import TroubleView
from journal_contracts.commands import RunPhase
from journal_contracts.decisions import Choice
from journal_contracts.events import DecisionClosed, PhaseFailed, PhaseStarted
from journal_contracts.product import PlanName
from orchestrator_service import answers
from orchestrator_service.engine.changes import SAGA
from orchestrator_service.engine.committing import encoded
from orchestrator_service.happenings import Answered, Cancel, DeadlinePassed, Reply
from orchestrator_service.plan import PLANS
from orchestrator_service.saga import advance
from orchestrator_service.state import Part, changed
from orchestrator_service.views import journal_view, status_of

from .crew import MONDAY, Journey, Step, failed, finished


@pytest.mark.parametrize("plan", PlanName)
def test_every_plan_comes_to_its_end(plan: PlanName) -> None:
    journey = Journey.begun(plan)

    journey.finish()

    assert journey.saga.status == "completed"
    assert journey.saga.percent == 100
    assert {step.phase for step in journey.sent} == set(journey.saga.phases)
    assert set(journey.saga.phases) | set(journey.saga.questions) == set(journey.saga.graph.nodes)


@pytest.mark.parametrize("plan", PlanName)
def test_a_plan_asks_exactly_its_questions(plan: PlanName) -> None:
    journey = Journey.begun(plan)

    journey.finish()

    assert {event.decision.id for event in journey.requested()} == PLANS[plan].asks


def test_sleeps_at_a_decision_until_the_user_answers() -> None:
    journey = Journey.begun()
    journey.work()

    journey.wait(minutes=14)
    journey.happen(DeadlinePassed())

    assert journey.asked() == ["author_style"]
    assert status_of(journey.saga) == "waiting"
    assert not journey.commands
    journey.answer("author_style", "s3")
    assert [step.phase for step in journey.commands] == ["editorial_plan"]


def test_takes_the_default_after_the_deadline_and_says_so() -> None:
    journey = Journey.begun()
    journey.work()

    journey.wait(minutes=16)
    journey.happen(DeadlinePassed())

    closed = next(event for event in journey.events if isinstance(event, DecisionClosed))
    assert (closed.choice.option, closed.chosen_by) == ("s1", "default")


def test_discovery_and_research_run_side_by_side() -> None:
    journey = Journey.begun()
    journey.work()
    journey.answer("author_style", "s1")

    journey.work(until="discovery")

    assert {step.phase for step in journey.commands} == {"discovery", "research"}


def test_the_chosen_title_and_style_reach_every_later_agent() -> None:
    journey = Journey.begun()

    journey.finish(author_style="s2", title="t7")

    curated = [step for step in journey.sent if step.phase in ("outline", "curation", "editing")]
    assert {step.brief.title.text for step in curated} == {"Title 7"}
    assert {step.brief.author_style.label for step in curated} == {"Style 2"}
    assert {step.brief.theme for step in curated} == {"anxiety"}


def test_curation_goes_out_in_batches_of_at_most_five_days_and_is_joined() -> None:
    journey = Journey.begun()

    journey.finish()

    batches = [step.order for step in journey.sent if step.phase == "curation"]
    days = [(order["edition"], day) for order in batches for day in order.get("days", ())]
    assert len(batches) == 10
    assert max(len(order.get("days", ())) for order in batches) == 5
    assert sorted(days) == sorted(
        [("journal", day) for day in range(1, 31)] + [("lead_magnet", day) for day in range(1, 7)]
    )
    proof = next(step for step in journey.sent if step.phase == "proof")
    assert len(proof.inputs["curation"]) == 10


def test_only_days_that_fail_the_proof_are_written_again() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    again = {"part": "journal-days-03-04", "edition": "journal", "days": [3, 4], "notes": ["short"]}
    journey.work()
    journey.answer("title", "t1")
    journey.work(until="proof")

    journey.happen(finished(journey.commands.pop(0), again=[again]))

    assert [(step.part, step.order) for step in journey.commands] == [
        ("journal-days-03-04-again-1", again)
    ]
    journey.finish()
    proofs = [step for step in journey.sent if step.phase == "proof"]
    assert len(proofs) == 2
    assert len(proofs[1].inputs["curation"]) == 11
    assert "again-1" in proofs[1].inputs["curation"][-1]


def test_a_book_that_never_passes_ends_in_a_question_not_in_a_loop() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    again = {"part": "journal-days-03-03", "edition": "journal", "days": [3], "notes": ["short"]}
    journey.work()
    journey.answer("title", "t1")
    for _ in range(3):
        journey.work(until="proof")
        journey.happen(finished(journey.commands.pop(0), again=[again]))

    assert journey.asked() == ["after_failure"]
    assert journey.saga.trouble is not None
    assert journey.saga.trouble.code == "manuscript_below_standard"
    journey.answer("after_failure", "retry")
    assert [step.phase for step in journey.commands] == ["curation"]
    journey.finish()
    assert journey.saga.status == "completed"


AGAIN = {"part": "journal-days-03-03", "edition": "journal", "days": [3], "notes": ["day 3: dull"]}


def test_the_manager_sends_days_back_twice_and_then_lets_them_be() -> None:
    """R1.1a: its notes are in the order of the next attempt, and only its days are done again."""
    journey = Journey.begun(PlanName.COMPREHENSIVE)
    journey.come_to("title")
    journey.answer("title", "t1")

    for turn in (1, 2):
        journey.work(until="review")
        journey.happen(finished(journey.commands.pop(0), again=[AGAIN]))
        assert [(s.part, s.order) for s in journey.commands if isinstance(s, RunPhase)] == [
            (f"journal-days-03-03-again-{turn}", AGAIN)
        ]
    journey.work(until="review")
    journey.happen(finished(journey.commands.pop(0), again=[AGAIN]))

    assert {step.phase for step in journey.commands} == {"editing"}
    assert journey.asked() == ["pictures"]


def test_whoever_asks_for_changes_has_them_reviewed_anew() -> None:
    journey = Journey.begun(PlanName.COMPREHENSIVE)
    order = {**AGAIN, "notes": {"day 3": "dull"}}

    def never_content(step: Step) -> Reply:
        judges = step.phase == "editing_review"
        return finished(step, again=[order]) if judges else finished(step)

    for _ in range(2):
        while "draft" not in journey.asked():
            for asked in set(journey.asked()) - {"draft"}:
                journey.answer(asked, answers.default(journey.saga, asked))
            journey.work(reply=never_content)
        journey.answer("draft", "changes", notes={"day 3": "warmer"})

    edited = [s for s in journey.sent if s.phase == "editing" and "again" in s.part]
    assert len(edited) == 4


def test_plans_without_reviews_go_as_they_went() -> None:
    for plan in (PlanName.EXPRESS, PlanName.STANDARD):
        now, before = Journey.begun(plan), Journey.begun(plan, version=1)
        for journey in (now, before):
            journey.finish()

        went = [list(dict.fromkeys(s.phase for s in journey.sent)) for journey in (now, before)]
        assert went[0] == went[1]


def test_ten_more_titles_can_be_had_twice() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.work()
    for _ in range(2):
        journey.answer("title", "more")
        journey.work()

    offered = list(journey.requested())[-1].decision

    assert offered.rev == 3
    assert "more" not in {option.id for option in offered.options}
    assert offered.options[0].label == "Title 21"
    journey.answer("title", "t1")
    assert journey.commands[0].brief.title.text == "Title 21"


def test_changes_asked_of_the_draft_go_back_to_the_editor_with_the_notes() -> None:
    journey = Journey.begun(PlanName.COMPREHENSIVE)
    journey.work()
    while "draft" not in journey.asked():
        question = journey.asked()[0]
        journey.answer(question, _default(journey, question))
        journey.work()

    journey.answer("draft", "changes", notes={"day 3": "Warmer, please."})

    editing = [step for step in journey.commands if step.phase == "editing"]
    assert {step.order["notes"]["day 3"] for step in editing} == {"Warmer, please."}
    assert {step.attempt for step in editing} == {2}
    assert all(len(step.inputs["editing"]) == 10 for step in editing)
    assert {step.part for step in editing if step.order.get("frame")} == {
        "journal-frame",
        "lead_magnet-frame",
    }


def _default(journey: Journey, question: str) -> str:
    return next(r.decision.default for r in journey.requested() if r.decision.id == question)


@pytest.mark.parametrize(
    ("section", "is_settled"),
    [
        ("Title", True),
        ("the cover, please", True),
        ("journal notice", True),
        ("lead magnet subtitle", True),
        ("day 3 title", False),
        ("journal closing", False),
        ("all", False),
    ],
)
def test_a_note_on_what_no_revision_changes_is_seen(section: str, is_settled: bool) -> None:
    choice = Choice(option="changes", notes={section: "Shorter."})

    assert answers.names_what_is_settled(choice) == is_settled


def test_a_late_answer_of_an_earlier_attempt_changes_nothing() -> None:
    journey = Journey.begun()
    journey.work(until="onboarding")
    step = journey.commands.pop(0)
    journey.happen(failed(step, "timeout"))
    journey.wait(seconds=10)
    journey.happen(DeadlinePassed())

    late = finished(step)
    before = journey.saga
    after, said = advance(before, late, journey.now)

    assert journey.commands[0].attempt == 2
    assert (after, said) == (before, ())


def test_a_double_answer_changes_nothing() -> None:
    journey = Journey.begun()
    answer = finished(journey.commands.pop(0))
    journey.happen(answer)

    before = journey.saga

    assert advance(before, answer, journey.now) == (before, ())


def test_a_failed_step_is_tried_again_after_a_pause() -> None:
    journey = Journey.begun()

    journey.happen(failed(journey.commands.pop(0), "infrastructure"))

    assert not journey.commands
    assert journey.saga.due == MONDAY + timedelta(seconds=2)
    journey.wait(seconds=3)
    journey.happen(DeadlinePassed())
    assert [(step.phase, step.attempt) for step in journey.commands] == [("preflight", 2)]


def test_a_step_nobody_answers_is_given_to_somebody_else() -> None:
    journey = Journey.begun()
    journey.commands.clear()

    journey.wait(minutes=11)
    journey.happen(DeadlinePassed())
    journey.wait(seconds=3)
    journey.happen(DeadlinePassed())

    assert [(step.phase, step.attempt) for step in journey.commands] == [("preflight", 2)]


def test_a_theme_that_is_refused_ends_the_journal_with_a_kind_word() -> None:
    """R9.1c: to try it again would be no help."""
    journey = Journey.begun()
    kind_word = "We cannot make this book. If you are in pain, please talk to somebody: call 988."
    refused = failed(journey.commands.pop(0)).model_copy(
        update={"code": "theme_refused", "detail": kind_word}
    )

    journey.happen(refused)

    assert journey.saga.status == "failed"
    assert not journey.asked()
    assert journal_view(journey.saga, MONDAY, MONDAY).trouble == TroubleView(
        code="theme_refused", detail=kind_word, phase="preflight"
    )


def test_asks_how_to_go_on_when_a_step_fails_for_good() -> None:
    journey = Journey.begun()

    journey.happen(failed(journey.commands.pop(0), "fatal"))

    assert journey.asked() == ["after_failure"]
    failure = next(event for event in journey.events if isinstance(event, PhaseFailed))
    assert (failure.code, failure.retrying) == ("no_luck", False)
    view = journal_view(journey.saga, MONDAY, MONDAY)
    assert view.trouble is not None
    assert view.phases[0].status == "failed"


def test_a_retry_goes_on_from_the_failed_phase_only() -> None:
    journey = Journey.begun()
    journey.work(until="onboarding")
    journey.happen(failed(journey.commands.pop(0), "fatal"))

    journey.answer("after_failure", "retry")

    assert [(step.phase, step.attempt) for step in journey.commands] == [("onboarding", 2)]
    journey.finish()
    assert journey.saga.status == "completed"
    assert sum(step.phase == "preflight" for step in journey.sent) == 1


def test_gives_up_after_a_day_without_an_answer() -> None:
    journey = Journey.begun()
    journey.happen(failed(journey.commands.pop(0), "fatal"))

    journey.wait(hours=25)
    journey.happen(DeadlinePassed())

    assert journey.saga.status == "failed"
    assert journey.names()[-1] == "journal.craft.failed.v1"
    assert journey.saga.due is None


def test_a_cancelled_journal_stops() -> None:
    journey = Journey.begun()
    journey.work()
    journey.answer("author_style", "s1")
    step = journey.commands[0]

    journey.happen(Cancel())
    said = journey.happen(finished(step))

    assert journey.saga.status == "cancelled"
    assert journey.names()[-1] == "journal.craft.cancelled.v1"
    assert said == ()
    assert journey.saga.due is None


def test_decisions_answered_with_the_order_are_not_asked() -> None:
    wanted = {"title": Choice(option="own", text="My own title"), "pictures": Choice(option="none")}
    journey = Journey.begun(answers=wanted)

    journey.finish()

    asked = {event.decision.id for event in journey.requested()}
    assert asked == {"author_style", "format"}
    by = {e.decision_id: e.chosen_by for e in journey.events if isinstance(e, DecisionClosed)}
    assert by["title"] == by["pictures"] == "request"
    assert journey.saga.phases["illustration"].parts == {}
    binding = next(step for step in journey.sent if step.phase == "binding")
    assert binding.order == {"format": "6x9", "pictures": False}
    assert binding.brief.title.text == "My own title"


def test_an_order_nobody_attends_takes_every_default_and_says_so() -> None:
    journey = Journey.begun(unattended=True)

    journey.work()

    assert journey.saga.status == "completed"
    assert not list(journey.requested())
    closed = [event for event in journey.events if isinstance(event, DecisionClosed)]
    assert {event.chosen_by for event in closed} == {"default"}


def test_a_decision_is_told_in_words() -> None:
    journey = Journey.begun(answers={"pictures": Choice(option="none")})
    journey.come_to("title")
    journey.answer("title", "own", text="My Own")

    journey.finish()

    told = {e.decision_id: e.label for e in journey.events if isinstance(e, DecisionClosed)}
    assert told == {
        "author_style": "Style 1",
        "title": "My Own",
        "pictures": "No pictures",
        "format": "6 x 9 inches, no pictures",
    }
    shown = journal_view(journey.saga, journey.now, journey.now).decisions
    assert {each.id: each.label for each in shown} == told


def test_an_answer_in_advance_that_is_not_offered_is_asked_again() -> None:
    wanted = {"pictures": Choice(option="none"), "format": Choice(option="a4")}
    journey = Journey.begun(answers=wanted)

    journey.work()
    while journey.asked() != ["format"]:
        question = journey.asked()[0]
        journey.answer(question, _default(journey, question))
        journey.work()

    assert {o.id for o in next(reversed(list(journey.requested()))).decision.options} == {
        "6x9-plain",
        "a4-plain",
        "letter-plain",
    }


def test_the_public_story_has_no_gap_and_percent_never_falls() -> None:
    journey = Journey.begun(PlanName.COMPREHENSIVE)

    journey.finish()

    assert [event.n for event in journey.events] == list(range(1, len(journey.events) + 1))
    percents = [event.percent for event in journey.events]
    assert percents == sorted(percents)


def test_a_phase_is_started_once_a_round() -> None:
    journey = Journey.begun(PlanName.COMPREHENSIVE)

    journey.finish()

    started = [(e.phase, e.round) for e in journey.events if isinstance(e, PhaseStarted)]
    assert len(started) == len(set(started))


def test_a_proof_that_failed_as_any_step_may_is_tried_again() -> None:
    journey = Journey.begun()
    journey.work()
    journey.answer("author_style", "s1")
    journey.work()
    journey.answer("title", "t1")
    journey.work(until="proof")

    journey.happen(failed(journey.commands.pop(0)))  # type: ignore[arg-type] # a crew's command
    journey.answer("after_failure", "retry")

    assert [(step.phase, step.attempt) for step in journey.commands] == [("proof", 2)]
    journey.finish()
    assert journey.saga.status == "completed"


def test_the_state_survives_storage_and_stays_small() -> None:
    journey = Journey.begun()

    journey.finish()

    stored = encoded(journey.saga)
    assert SAGA.validate_json(stored) == journey.saga
    assert len(stored) < 12_000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 999), max_size=120), st.sampled_from(PlanName))
def test_whatever_happens_a_journal_is_over_or_something_is_due(
    moves: list[int], plan: PlanName
) -> None:
    journey = Journey.begun(plan)
    for move in moves:
        _stumble(journey, move)

        saga = journey.saga
        assert saga.is_over or saga.due is not None
        assert saga.is_over or saga.is_working or journey.asked()
        assert [event.n for event in journey.events] == list(range(1, len(journey.events) + 1))
        assert SAGA.validate_json(encoded(saga)) == saga


def _stumble(journey: Journey, move: int) -> None:
    """One step at random: good and bad answers, doubles, choices, time."""
    kind, pick = move % 10, move // 10
    if kind <= 4 and journey.commands:
        step = journey.commands.pop(pick % len(journey.commands))
        journey.happen(finished(step))
        journey.happen(finished(step))
    elif kind <= 6 and journey.commands:
        step = journey.commands.pop(pick % len(journey.commands))
        kinds = ("rate_limit", "timeout", "invalid_output", "infrastructure", "fatal")
        journey.happen(failed(step, kinds[pick % 5]))  # type: ignore[arg-type] # any command fails
    elif kind == 7 and journey.asked():
        question = journey.asked()[0]
        view = next(v for v in list(journey.requested())[::-1] if v.decision.id == question)
        options = [o.id for o in view.decision.options if o.id not in ("own", "changes")]
        journey.happen(Answered(question, Choice(option=options[pick % len(options)])))
    elif kind == 8:
        journey.wait(minutes=pick % 20)
        journey.happen(DeadlinePassed())
    elif kind == 9 and pick == 99:
        journey.happen(Cancel())


def test_what_is_changed_is_what_the_library_would_replace() -> None:
    before = Part("open", attempt=2)

    after = changed(before, state="done", made=2)

    assert after == replace(before, state="done", made=2)
    assert before == Part("open", attempt=2)
    with pytest.raises(FrozenInstanceError):
        after.attempt = 3  # type: ignore[misc] # that is the point


def with_a_picture_model(step: Any) -> Any:
    offered = {"pictures": ["generated"]} if step.phase == "preflight" else {}
    return finished(step, **offered)


def test_pictures_by_a_model_are_offered_where_there_is_one_and_ordered_one_by_one() -> None:
    """R6.2a"""
    journey, poor = Journey.begun(), Journey.begun()
    for each, reply in ((journey, with_a_picture_model), (poor, finished)):
        each.work(reply=reply)
        each.come_to("pictures")
        [asked] = answers.open_questions(each.saga)
        assert asked.default == "procedural"
        assert ("generated" in {option.id for option in asked.options}) == (each is journey)

    journey.answer("pictures", "generated")
    journey.work(until="illustration")

    assert len(journey.commands) == 78
    assert {step.order["source"] for step in journey.commands} == {"generated"}
    assert "format" not in journey.asked()


def test_a_model_that_is_not_there_cannot_be_ordered_in_advance() -> None:
    wanted = {"pictures": Choice(option="generated")}
    there, missing = Journey.begun(answers=wanted), Journey.begun(answers=wanted)
    there.work(reply=with_a_picture_model)
    for journey in (there, missing):
        journey.finish()

    chosen = [journey.saga.chosen("pictures") for journey in (there, missing)]
    assert [choice.option for choice in chosen if choice] == ["generated", "procedural"]
