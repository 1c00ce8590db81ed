"""How the book looks: palette and motifs of its pictures, typefaces and ornaments of its pages."""

from typing import Any, Final

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import page

MOTIFS: Final = ("hills", "waves", "leaves", "orbits", "paths", "petals")
COLOURS: Final = ("paper", "pale", "mid", "strong", "ink")


def visual_style(order: Order) -> dict[str, Any]:
    """A hand-chosen palette that suits the theme, and the motifs it is drawn with."""
    palettes = page("house/looks")["palette"]
    family = order.pool.get("kin", order.theme.pool)
    suited = [row for row in palettes if family in row["suits"]] or palettes
    palette = order.pick(suited, "palette")
    return {
        "name": palette["name"],
        **{colour: palette[colour] for colour in COLOURS},
        "motifs": order.shuffled(MOTIFS, "motifs")[:4],
    }


def layout(order: Order) -> dict[str, Any]:
    """A setting that suits the voice: fonts that go together, an ornament, a picture shape."""
    settings = page("house/looks")["setting"]
    suited = [row for row in settings if order.voice in row["voices"]]
    setting = order.pick(suited, "layout")
    return {
        "heading_font": setting["heading_font"],
        "body_font": setting["body_font"],
        "ornament": order.pick(setting["ornaments"], "ornament"),
        "picture_shape": order.pick(setting["shapes"], "shape"),
    }
