"""The same journey with a model behind HTTP (R4.2a, R4.2d)."""

import asyncio
import hashlib
from decimal import Decimal

from llmock.testing import LLMockServer

from journal_contracts.api import JournalOrder
from journalcraft.platform import Platform
from journalcraft.wiring import WORKERS

from ..conftest import registered
from .following import over, until
from .keeping import kept, overhearing

CANARY = "sk-canary-of-the-journey-0123456789"


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


async def test_a_journal_is_written_with_its_users_own_key_which_is_found_nowhere(
    platform_on_provider: Platform,
) -> None:
    """From the door through the vault to the provider; a canary in every place that keeps (R4.2a).

    Whose key it was, the workers' own record says by its mark.
    """
    platform, mark = platform_on_provider, hashlib.sha256(CANARY.encode()).hexdigest()
    async with registered(platform.url) as user, overhearing(platform) as messages:
        written = await user._ask("PUT", "/v1/keys/openai", json={"key": CANARY})

        journal = await user.order(JournalOrder(theme="calm", unattended=True))
        await asyncio.wait_for(until(user, journal, lambda view: view.usage.calls > 0), 120)
        listed = await user._ask("GET", "/v1/keys")
        await user.cancel(journal)

    places = await kept(platform)
    called = [row for row in places[WORKERS].splitlines() if str(journal).encode() in row]
    assert any(mark[:8].encode() in row for row in called)
    assert listed.json()["items"][0]["used_at"] is not None
    assert listed.json()["items"][0]["fingerprint"] == mark[:16]
    assert b"vault_used" in places["files"]
    assert len(messages) > 2
    for place, content in {**places, "messages": b"".join(messages)}.items():
        assert CANARY.encode() not in content, place
    assert CANARY not in written.text + listed.text
