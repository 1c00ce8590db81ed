"""The colours a book is printed in: the visual style, darkened where it would be hard to read."""

from typing import Final

from journal_contracts.artifacts import VisualStyle

READABLE: Final = 4.5
"""WCAG contrast of text on white paper."""


def inks(style: VisualStyle) -> dict[str, str]:
    """Every colour the template names; those of text keep their contrast on white and `tint`."""
    tint = _mix(style.pale, "#ffffff", 0.62)
    return {
        "text": _readable(_mix(style.ink, "#1a1a1a", 0.35), tint, 9),
        "head": _readable(_mix(style.strong, style.ink, 0.25), tint, READABLE),
        "quiet": _readable(_mix(style.strong, style.mid, 0.2), tint, READABLE),
        "on_cover": _readable(style.ink, style.pale, 7),
        "rule": _mix(style.mid, "#ffffff", 0.3),
        "line": _mix(style.mid, "#ffffff", 0.22),
        "tint": tint,
        "paper": style.paper,
        "pale": style.pale,
        "mid": style.mid,
        "strong": style.strong,
        "ink": style.ink,
    }


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _readable(colour: str, ground: str, wanted: float) -> str:
    for share in range(21):
        darker = _mix(colour, "#000000", share / 20)
        if contrast(darker, ground) >= wanted:
            return darker
    return "#000000"


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _mix(one: str, other: str, share: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
