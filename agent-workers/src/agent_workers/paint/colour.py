"""The colours of a picture: the five of the visual style, and what is mixed from them."""

import colorsys
from dataclasses import dataclass, replace
from typing import Self

from journal_contracts.artifacts import VisualStyle

WARM: tuple[float, float] = (0.03, 0.17)
"""The hues (of 1) in which a golden light would drown: there it is paler."""


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0 to 1) of `other` in it."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


@dataclass(frozen=True)
class Tones:
    """What a scene is painted with; `glow` is the warm light that no style has to bring along."""

    paper: str
    pale: str
    mid: str
    strong: str
    ink: str
    glow: str

    @classmethod
    def of(cls, style: VisualStyle) -> Self:
        return cls(style.paper, style.pale, style.mid, style.strong, style.ink, _glow(style))

    @property
    def sheet(self) -> str:
        """The lightest tone that still stands out from white paper."""
        return mix(self.paper, self.pale, 0.35)

    def near(self, nearness: float) -> str:
        """The colour of a thing by its nearness: 0 in the haze, 1 before our feet."""
        steps = (mix(self.paper, self.pale, 0.75), self.pale, self.mid, self.strong,
                 mix(self.strong, self.ink, 0.45))  # fmt: skip
        at = max(0.0, min(0.999, nearness)) * (len(steps) - 1)
        return mix(steps[int(at)], steps[int(at) + 1], at - int(at))

    def at_night(self) -> Self:
        """The same colours by moonlight."""
        return replace(
            self,
            pale=mix(self.pale, self.strong, 0.45),
            mid=mix(self.mid, self.ink, 0.35),
            strong=mix(self.strong, self.ink, 0.5),
            ink=mix(self.ink, "#000000", 0.2),
        )


def _glow(style: VisualStyle) -> str:
    hue, _, _ = _hls(style.mid)
    gold, straw = (0.105, 0.76, 0.74), (0.125, 0.8, 0.8)
    warm = straw if WARM[0] < hue < WARM[1] else gold
    return mix(_hex(colorsys.hls_to_rgb(*warm)), style.pale, 0.2)


def _hls(colour: str) -> tuple[float, float, float]:
    red, green, blue = (channel / 255 for channel in _channels(colour))
    return colorsys.rgb_to_hls(red, green, blue)


def _hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
