"""The publishing pack: what the three shops ask for besides the book."""

from collections.abc import Mapping
from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page

SHOPS: Final = ("kdp", "etsy", "gumroad")
KEYWORDS: Final = {"kdp": 7, "etsy": 13, "gumroad": 6}
LONGEST_KEYWORD: Final = {"kdp": 50, "etsy": 20, "gumroad": 50}
LONGEST_LINE: Final = 300


def publishing_pack(order: Order) -> dict[str, Any]:
    """Listings that promise only what the book holds, the declaration and the last steps."""
    rows = page("house/shops")
    return {
        "listings": [_listing(order, shop, rows[shop]) for shop in SHOPS],
        "ai_declaration": order.fill(rows["ai_declaration"]),
        "checklist": [order.fill(line) for line in rows["checklist"]],
    }


def _listing(order: Order, shop: str, row: Mapping[str, Any]) -> dict[str, Any]:
    audience = str(order.brief.get("audience") or order.fill(order.pool["audience"])).rstrip(". ")
    return {
        "shop": shop,
        "headline": order.fill(row["headline"])[:LONGEST_LINE],
        "description": order.fill(order.pick(row["description"], shop), audience=audience),
        "keywords": _keywords(order, shop),
        "categories": list(row.get("categories") or order.pool["categories"])[:3],
        "price_hint": row["price_hint"],
    }


def _keywords(order: Order, shop: str) -> list[str]:
    """The theme first, then what buyers type, each once and within the shop's length."""
    noun = order.theme.noun
    wanted = [
        noun,
        f"{noun} journal",
        f"{noun} gift",
        *order.pool["keywords"],
        *page("house/shops")["keywords"],
    ]
    fitting = dict.fromkeys(word for word in wanted if len(word) <= LONGEST_KEYWORD[shop])
    return list(fitting)[: KEYWORDS[shop]]
