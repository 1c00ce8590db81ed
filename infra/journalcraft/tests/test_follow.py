"""A journal's view after one more event."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from journal_contracts.api import JournalView, PhaseView, UsageView
from journal_contracts.product import PlanName
from journal_contracts.realtime import Happened
from journalcraft.follow import follow

JOURNAL = UUID(int=1)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def journal(n: int = 4) -> JournalView:
    return JournalView(
        id=JOURNAL,
        theme="Calm",
        plan=PlanName.STANDARD,
        title=None,
        status="running",
        percent=10,
        n=n,
        created_at=NOON,
        updated_at=NOON,
        phases=(
            PhaseView(name="curation", agent="content_curator", status="waiting", done=0, parts=0),
        ),
        open_decisions=(),
        decisions=(),
        usage=UsageView(calls=0, tokens_in=0, tokens_out=0, cost=None),
    )


def event(name: str, n: int, **data: Any) -> Happened:
    base = {"journal_id": str(JOURNAL), "user_id": str(UUID(int=2)), "n": n, "percent": 50}
    return Happened(
        cls="durable",
        type=name,
        id=str(n),
        at=NOON,
        journal=JOURNAL,
        o=n,
        n=n,
        data={**base, "at": NOON.isoformat(), **data},
    )


def test_a_phase_starts_advances_and_completes() -> None:
    work = {"phase": "curation", "agent": "content_curator"}
    view: JournalView | None = journal()

    for happened in (
        event("journal.phase.started.v1", 5, **work, parts=6),
        event("journal.phase.advanced.v1", 6, **work, part="a", done=1, parts=6),
        event("journal.phase.completed.v1", 7, **work, seconds=3.5),
    ):
        assert view
        view = follow(view, happened)

    assert view
    assert view.phases[0].model_dump() == {
        "name": "curation",
        "agent": "content_curator",
        "status": "done",
        "done": 6,
        "parts": 6,
        "seconds": 3.5,
    }
    assert (view.n, view.percent) == (7, 50)


def test_a_decision_is_open_until_somebody_chose() -> None:
    decision = {
        "id": "title",
        "rev": 1,
        "question": "Which?",
        "options": [{"id": "t1", "label": "Calm"}],
        "default": "t1",
        "deadline": NOON.isoformat(),
    }
    closed = {"decision_id": "title", "rev": 1, "choice": {"option": "t1"}, "chosen_by": "default"}

    asked = follow(journal(), event("journal.decision.requested.v1", 5, decision=decision))
    assert asked
    decided = follow(asked, event("journal.decision.closed.v1", 6, **closed))

    assert [open_.id for open_ in asked.open_decisions] == ["title"]
    assert decided
    assert not decided.open_decisions
    assert [(made.id, made.chosen_by) for made in decided.decisions] == [("title", "default")]


def test_what_is_known_already_changes_nothing() -> None:
    assert follow(journal(), event("journal.craft.completed.v1", 4, title="Late")) == journal()


def test_a_hole_in_the_numbers_asks_for_the_state() -> None:
    assert follow(journal(), event("journal.craft.completed.v1", 6, title="Early")) is None


def test_an_unknown_event_only_moves_the_number() -> None:
    view = follow(journal(), event("journal.mood.changed.v1", 5))

    assert view == journal(n=5)


def test_a_failure_for_good_is_kept_with_its_reason() -> None:
    work = {"phase": "curation", "agent": "content_curator", "part": "", "attempt": 4}
    failed = event(
        "journal.phase.failed.v1",
        5,
        **work,
        code="empty_research",
        detail="Nothing.",
        retrying=False,
    )
    given_up = event("journal.craft.failed.v1", 6, code="given_up", detail="Given up.")

    broken = follow(journal(), failed)
    assert broken
    ended = follow(broken, given_up)

    assert ended
    assert ended.status == "failed"
    assert ended.trouble
    assert (ended.trouble.code, ended.trouble.phase) == ("empty_research", "curation")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("journal.craft.paused.v1", {"until": NOON.isoformat()}),
        ("journal.craft.resumed.v1", {}),
        ("journal.craft.retried.v1", {"phase": "research"}),
        (
            "journal.decision.extended.v1",
            {"decision_id": "title", "rev": 1, "deadline": NOON.isoformat()},
        ),
    ],
)
def test_after_what_changes_much_the_state_is_asked_for(name: str, data: dict[str, Any]) -> None:
    assert follow(journal(), event(name, 5, **data)) is None
    assert follow(journal(5), event(name, 5, **data)) == journal(5)
