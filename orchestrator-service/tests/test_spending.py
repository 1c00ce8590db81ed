"""What models cost, added up for their user, and what a journal is likely to cost (R4.2d)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.ids import new_id, now
from journal_contracts.api import Estimate
from journal_contracts.commands import RunPhase
from journal_contracts.events import Usage, UsageRecorded
from journal_contracts.product import PlanName
from orchestrator_service.spending import Spending

from .crew import billed, finished
from .test_desk import ORDER, House, house

__all__ = ["house"]

USER, OTHER = new_id(), new_id()
FIRST, SECOND = new_id(), new_id()
TODAY = now().replace(hour=12, minute=0, second=0, microsecond=0)


def a_call(cost: str | None, at: datetime | None = None, **changes: Any) -> UsageRecorded:
    told = {
        "journal_id": FIRST,
        "user_id": USER,
        "phase": "curation",
        "part": "",
        "agent": "content_curator",
        "model": "gpt-4o-mini",
        "outcome": "answered",
        "seconds": 1.0,
        "call": new_id(),
    }
    price = None if cost is None else Decimal(cost)
    usage = Usage(calls=1, tokens_in=100, tokens_out=10, cost=price)
    return UsageRecorded(**{**told, "at": at or now(), "usage": usage, **changes})


@pytest.fixture
async def spending(database: Database) -> Spending:
    spending = Spending(database)
    yesterday, long_ago = TODAY - timedelta(days=1), TODAY - timedelta(days=60)
    for call in (
        a_call("0.10"),
        a_call("0.20", agent="editor", journal_id=SECOND),
        a_call(None, model="a-model-of-ours"),
        a_call("0.05", yesterday),
        a_call("9.00", long_ago),
        a_call("5.00", user_id=OTHER),
    ):
        await spending.note(call)
    return spending


async def lines(spending: Spending, by: Any, user: UUID = USER) -> list[tuple[str, int, Decimal]]:
    page = await spending.usage(user, by, days=30)
    return [(line.key, line.calls, line.cost) for line in page.items]


async def test_calls_are_added_up_by_day_agent_journal_and_model(spending: Spending) -> None:
    today, yesterday = (f"{TODAY - timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    d = Decimal

    assert await lines(spending, "day") == [(today, 3, d("0.30")), (yesterday, 1, d("0.05"))]
    assert await lines(spending, "agent") == [
        ("editor", 1, d("0.20")),
        ("content_curator", 3, d("0.15")),
    ]
    assert await lines(spending, "journal") == [
        (str(SECOND), 1, d("0.20")),
        (str(FIRST), 3, d("0.15")),
    ]
    assert await lines(spending, "model") == [
        ("gpt-4o-mini", 3, d("0.35")),
        ("a-model-of-ours", 1, d("0")),
    ]


async def test_what_has_no_price_is_counted_and_not_free(spending: Spending) -> None:
    page = await spending.usage(USER, "model", days=30)

    assert [line.unpriced for line in page.items] == [0, 1]


async def test_nobody_sees_what_others_cost(spending: Spending) -> None:
    assert await lines(spending, "agent", OTHER) == [("content_curator", 1, Decimal(5))]
    assert await lines(spending, "agent", new_id()) == []


async def test_a_call_that_is_heard_twice_is_counted_once(spending: Spending) -> None:
    call = a_call("1.00", agent="media")

    for _ in range(2):
        await spending.note(call)

    assert ("media", 1, Decimal(1)) in await lines(spending, "agent")


async def test_an_estimate_is_what_the_latest_journals_came_to(house: House) -> None:
    """R4.2d: from what was measured; before the first journal nothing is known."""
    spending = Spending(house.database)
    before = await spending.estimate(PlanName.EXPRESS)
    for dollars in ("0.01", "0.03"):
        order = ORDER.model_copy(update={"unattended": True})
        view = await house.desk.order(new_id(), order, None)
        while steps := await house.commands(view.id):
            for step in steps:
                paid = isinstance(step, RunPhase)
                reply = billed(step, dollars) if paid else finished(step)
                await house.transitions.happen(view.id, reply, actor="test")

    estimate = await spending.estimate(PlanName.EXPRESS)

    assert before == Estimate(journals=0)
    assert estimate.journals == 2
    assert estimate.calls is not None
    assert estimate.cost == Decimal("0.02") * estimate.calls
    assert estimate.tokens_out == 10 * estimate.calls
    assert estimate.seconds is not None
    assert (await spending.estimate(PlanName.STANDARD)).journals == 0
