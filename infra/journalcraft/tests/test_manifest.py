"""`manifest.json`."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from journal_contracts.api import (
    AssetView,
    ChosenView,
    JournalOrder,
    JournalView,
    PhaseView,
    ResearchView,
    UsageView,
)
from journal_contracts.decisions import Choice
from journal_contracts.product import Edition, PlanName
from journalcraft.manifest import Manifest

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def asset(edition: Edition, pages: int, figures: int) -> AssetView:
    return AssetView(
        name=f"{edition}.pdf",
        media_type="application/pdf",
        bytes=1_000,
        sha256="0" * 64,
        href="/x",
        edition=edition,
        pages=pages,
        words=7_000,
        figures=figures,
    )


def test_it_says_what_was_made_by_whom_at_what_cost() -> None:
    view = JournalView(
        id=UUID(int=1),
        theme="Calm",
        plan=PlanName.EXPRESS,
        title="Calm Pages",
        status="completed",
        percent=100,
        n=9,
        created_at=NOON,
        updated_at=NOON + timedelta(seconds=12.5),
        phases=(
            PhaseView(
                name="binding", agent="pdf_builder", status="done", done=1, parts=1, seconds=2
            ),
        ),
        open_decisions=(),
        decisions=(
            ChosenView(
                id="title",
                rev=1,
                choice=Choice(option="t1"),
                chosen_by="user",
                at=NOON,
                label="Calm Pages",
            ),
        ),
        research=ResearchView(insights=5, own=3, documents={"sleep.pdf": 2}),
        pictures={"procedural": 78},
        usage=UsageView(calls=3, tokens_in=10, tokens_out=20, cost=Decimal("0.015")),
    )
    books = {
        Edition.JOURNAL: asset(Edition.JOURNAL, 67, 63),
        Edition.LEAD_MAGNET: asset(Edition.LEAD_MAGNET, 19, 15),
    }

    made = Manifest.of(JournalOrder(theme="Calm", plan=PlanName.EXPRESS), view, books)

    assert json.loads(made.model_dump_json()) == {
        "journal_id": str(UUID(int=1)),
        "theme": "Calm",
        "title": "Calm Pages",
        "plan": "express",
        "language": "en",
        "model": None,
        "sample_text": False,
        "research": {"insights": 5, "own": 3, "documents": {"sleep.pdf": 2}, "left_out": {}},
        "pictures": {"procedural": 78},
        "books": [
            {
                "edition": edition,
                "file": file,
                "sha256": "0" * 64,
                "bytes": 1_000,
                "pages": pages,
                "words": 7_000,
                "figures": figures,
            }
            for edition, file, pages, figures in (
                ("journal", "journal.pdf", 67, 63),
                ("lead_magnet", "lead-magnet.pdf", 19, 15),
            )
        ],
        "decisions": [
            {
                "id": "title",
                "rev": 1,
                "choice": {"option": "t1", "text": None, "notes": {}},
                "chosen_by": "user",
                "at": "2030-01-01T12:00:00Z",
                "label": "Calm Pages",
            }
        ],
        "usage": {"calls": 3, "tokens_in": 10, "tokens_out": 20, "cost": "0.015"},
        "phases": [
            {
                "name": "binding",
                "agent": "pdf_builder",
                "status": "done",
                "parts": 1,
                "seconds": 2.0,
            }
        ],
        "created_at": "2030-01-01T12:00:00Z",
        "completed_at": "2030-01-01T12:00:12.500000Z",
        "seconds": 12.5,
    }
