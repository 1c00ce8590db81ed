"""The report on the crew (R1.1b, R4.2d): what it reads of a journal, and that a check can fall."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journal_contracts import checks
from journal_contracts.api import TroubleView
from journal_contracts.artifacts import Manuscript
from journal_contracts.product import Edition, PlanName
from journalcraft.platform import Platform
from tests import report

from . import __main__ as crew_report
from .crafting import crafted
from .judging import OF_THE_FILE, Bound, Crafted, faults_of, row_of

MEASURES = (*checks.CHECKS, *OF_THE_FILE)


@pytest.fixture(scope="module")
def journal(platform: Platform) -> Crafted:
    """One that was crafted on the running platform."""
    return asyncio.run(crafted(platform, "offline", "goal setting", PlanName.COMPREHENSIVE))


def with_book(journal: Crafted, change: Callable[[Manuscript], Manuscript]) -> Crafted:
    """The same journal, its first book changed."""
    first, *others = journal.bound
    book = replace(first.book, manuscript=change(first.book.manuscript))
    return replace(journal, bound=(Bound(book, first.file), *others))


def lacking_a_line(book: Manuscript) -> Manuscript:
    days = (*book.days[:3], book.days[3].model_copy(update={"lines": 24}), *book.days[4:])
    return book.model_copy(update={"days": days})


def test_every_check_is_tried_on_both_books_and_holds(journal: Crafted) -> None:
    row = row_of(journal)

    assert faults_of(journal) == []
    assert row["checks"] == {name: {"tried": 2, "held": 2} for name in MEASURES}


def test_calls_tokens_reviews_and_time_are_those_of_the_journal(journal: Crafted) -> None:
    row = row_of(journal)

    assert row["calls"] == journal.calls > 20
    assert row["tokens"] > row["calls"]
    assert (row["cost"], row["repairs"]) == (0, 0)
    assert row["reviews"] >= 2
    assert row["seconds"] > 0


def test_a_call_beyond_the_question_of_a_step_is_a_repair(journal: Crafted) -> None:
    assert row_of(replace(journal, calls=journal.calls + 3))["repairs"] == 3


def test_a_broken_manuscript_fails_the_report_and_is_named(
    journal: Crafted, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = with_book(journal, lacking_a_line)

    assert crew_report.judged([journal, broken]) == 1
    place = "offline, goal setting, comprehensive, journal, day 4, counts"
    assert capsys.readouterr().out == f"{place}: 24 ruled lines, wanted 25\n"
    assert row_of(broken)["checks"]["counts"] == {"tried": 2, "held": 1}


def test_what_was_examined_has_to_be_what_was_bound(journal: Crafted) -> None:
    other = with_book(journal, lambda book: book.model_copy(update={"notice": f"{book.notice} A."}))

    assert [finding.check for _, finding in faults_of(other)] == ["words_bound"]


def test_a_journal_without_books_fails_the_report(
    journal: Crafted, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = TroubleView(code="model_away", detail="The provider cannot be reached.")
    view = journal.view.model_copy(update={"status": "failed", "trouble": trouble})

    assert crew_report.judged([replace(journal, view=view, bound=())]) == 1
    assert "crafted: 0 books; failed: The provider cannot be reached." in capsys.readouterr().out


def test_a_report_on_nothing_fails() -> None:
    assert crew_report.judged([]) == 1


def test_a_book_without_research_is_not_held_to_insights(journal: Crafted) -> None:
    plain = tuple(
        Bound(replace(one.book, insight_ids=frozenset()), one.file) for one in journal.bound
    )

    assert "insight_coverage" not in row_of(replace(journal, bound=plain))["checks"]


def test_the_report_is_written_with_commit_and_machine(
    journal: Crafted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def made(themes: Any, plans: Any) -> list[Crafted]:
        return [journal]

    monkeypatch.setattr(crew_report, "run", made)
    monkeypatch.setattr(report, "REPORTS", tmp_path)

    assert crew_report.main() == 0
    written = json.loads((tmp_path / "crew.json").read_text())
    assert written.keys() == {"journals", "commit", "machine"}
    assert written["journals"] == [row_of(journal)]


def test_themes_and_plans_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANS", "express standard")

    assert crew_report.asked_for(PlanName, "PLANS") == [PlanName.EXPRESS, PlanName.STANDARD]
    assert crew_report.asked_for(Edition, "THEMES") == list(Edition)
