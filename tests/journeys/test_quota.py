"""A user's day on the whole platform: shared out, spent to its end, then asked about (R4.2b)."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from llmock.testing import LLMockServer

from journal_contracts.api import Answer, JournalOrder
from journal_contracts.decisions import Choice
from journalcraft.platform import Platform, start_platform

from ..conftest import registered, told_of
from .following import over, until

A_DAY = Decimal("0.015")
"""US dollars: enough for a few replies, and for the longest one only at the beginning."""
UNATTENDED = JournalOrder(theme="calm", unattended=True)
ANSWERED = JournalOrder(
    theme="gratitude",
    decisions={"author_style": Choice(option="s1"), "title": Choice(option="t1")},
)


@pytest.fixture
def thrifty(provider: LLMockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose users may spend little."""
    extra = {
        "agent-workers": told_of(provider),
        "orchestrator-service": {"JCC_USER_DAY_BUDGET": str(A_DAY)},
    }
    with start_platform(tmp_path_factory.mktemp("thrifty"), extra=extra) as platform:
        yield platform


@pytest.mark.deep
@pytest.mark.timeout(300)
async def test_a_user_whose_day_is_spent_is_asked_and_another_is_served(
    thrifty: Platform,
) -> None:
    async with registered(thrifty.url) as user, registered(thrifty.url) as other:
        journals = [await user.order(order) for order in (UNATTENDED, ANSWERED)]
        second = journals[1]
        view = await asyncio.wait_for(
            until(user, second, lambda v: any(d.id == "over_quota" for d in v.open_decisions)), 150
        )
        costs = [(await user.state(journal)).usage.cost for journal in journals]
        another = await other.order(JournalOrder(theme="calm"))
        served = await asyncio.wait_for(
            until(other, another, lambda view: view.usage.calls > 0), 60
        )
        asked = next(d for d in view.open_decisions if d.id == "over_quota")
        stop = Answer(rev=asked.rev, choice=Choice(option="stop"))
        await user.decide(second, "over_quota", stop)
        end = await asyncio.wait_for(over(user, second), 60)

    assert 0 < sum(cost for cost in costs if cost is not None) <= A_DAY
    assert {option.id for option in asked.options} == {"wait", "stop"}
    assert served.trouble is None
    assert end.status == "failed"
    assert end.trouble is not None
    assert end.trouble.code == "over_quota"
