"""The same journey with a model behind HTTP (R4.2a, R4.2d)."""

import asyncio
from decimal import Decimal

from llmock.testing import LLMockServer

from journal_contracts.api import JournalOrder
from journalcraft.platform import Platform

from ..conftest import registered
from .following import over


async def test_a_model_behind_http_writes_both_books(
    platform_on_provider: Platform, provider: LLMockServer
) -> None:
    provider.state.journal.clear()
    async with registered(platform_on_provider.url) as user:
        journal = await user.order(JournalOrder(theme="gratitude"))

        view = await asyncio.wait_for(over(user, journal, title="t3", author_style="s2"), 150)

        assert view.status == "completed", view.trouble
        assert (view.model, view.sample_text) == ("gpt-4o-mini", False)
        assert {made.id: made.chosen_by for made in view.decisions}["title"] == "user"
        assert view.usage.cost is not None
        assert view.usage.cost > Decimal(0)
        assert view.usage.calls == len({r.fingerprint for r in provider.state.journal.records()})
        assert {asset.pages for asset in await user.artifacts(journal) if asset.pages} == {67, 19}
