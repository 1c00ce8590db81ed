"""The editorial plan: what every later agent is to keep to."""

from collections.abc import Mapping
from typing import Any

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page


def editorial_plan(order: Order) -> dict[str, Any]:
    """Audience, voice, words with one sense, what to avoid, and what each stage is for."""
    house: Mapping[str, Any] = page("house/styles")
    style = order.brief.get("author_style") or {}
    audience = str(order.brief.get("audience") or "").strip()
    return {
        "audience": audience[:300] or order.fill(order.pool["audience"]),
        "voice": str(style.get("line") or "").strip()[:300] or house["voice"][order.voice],
        "glossary": [
            {"word": word, "sense": order.fill(sense)} for word, sense in order.pool["glossary"]
        ],
        "avoid": order.shuffled(house["avoid"], "avoid")[:6],
        "intent": {stage: order.fill(text) for stage, text in order.pool["intent"].items()},
    }
