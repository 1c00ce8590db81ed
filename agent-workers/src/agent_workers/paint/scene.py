"""A scene in the making: the sheet, its light, its chance, and what all motifs have in common."""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from agent_workers.paint.canvas import Canvas
from agent_workers.paint.colour import Tones, mix
from agent_workers.paint.curve import Point, disc, ground, leaf, number, on_circle, petal, smooth
from agent_workers.paint.icons import Icon

Mood = Literal["dawn", "day", "dusk", "night"]

SKIES: Final[dict[Mood, tuple[str, str, str]]] = {
    "dawn": ("sheet", "paper", "glow"),
    "day": ("pale", "sheet", "paper"),
    "dusk": ("mid", "pale", "glow"),
    "night": ("ink", "strong", "mid"),
}


@dataclass(frozen=True)
class Scene:
    """Everything a motif paints with. `focus` is where the eye shall rest, and a thing stand."""

    canvas: Canvas
    tones: Tones
    chance: Random
    mood: Mood
    icon: Icon | None
    focus: Point
    reach: float
    """The height of the thing at the focus, in units of the sheet."""

    @property
    def width(self) -> float:
        return self.canvas.width

    @property
    def height(self) -> float:
        return self.canvas.height

    @property
    def dark(self) -> bool:
        return self.mood == "night"

    @property
    def moonlight(self) -> str:
        """The colour of the disc in the sky."""
        if self.mood == "day":
            return mix(self.tones.glow, self.tones.paper, 0.25)
        return mix(self.tones.glow, self.tones.paper, 0.6 if self.dark else 0.1)

    @property
    def light(self) -> Point:
        """The middle of the disc: behind a thing on the ground, higher up for one of the sky."""
        lift = 0.74 if self.icon is not None and self.icon.place == "sky" else 0.42
        return self.focus[0], self.focus[1] - self.reach * lift

    def sky(self) -> None:
        """The air, and in it a disc of light behind the focus."""
        top, middle, bottom = (getattr(self.tones, name) for name in SKIES[self.mood])
        self.canvas.cover(self.canvas.fade(top, bottom, middle))
        if self.dark:
            self._stars()
        radius = self.reach * (0.6 if self.icon else 0.5)
        glow = self.canvas.halo(self.tones.glow, 0.55 if self.mood != "day" else 0.4)
        self.canvas.circle(self.light, radius * 2.1, glow)
        self.canvas.circle(self.light, radius, self.moonlight)

    def set_down(self, foot: Point | None = None, scale: float = 1.0) -> None:
        """Puts the thing that the subject names on its foot, if it names one."""
        if self.icon is None:
            return
        at = foot or self.focus
        self.canvas.drawing(self.icon.drawn(self._roles()), at, self.reach * scale / 100)

    def hover(self) -> None:
        """Lets a thing of the sky float before the disc."""
        if self.icon is not None and self.icon.place == "sky":
            self.set_down((self.light[0], self.light[1] + self.reach * 0.36), 0.72)

    def stand(self, foot: Point | None = None) -> None:
        """Puts a thing of the ground on its foot."""
        if self.icon is not None and self.icon.place != "sky":
            self.set_down(foot)

    def haze(self, share: float, nearness: float) -> str:
        """A fill for a hill that dissolves in the air at its foot."""
        near = self.tones.near(nearness)
        air = self.tones.glow if self.mood in {"dawn", "dusk"} else self.tones.near(0.2)
        return self.canvas.fade(near, mix(near, air, share))

    def clouds(self, count: int, highest: float, lowest: float) -> None:
        """Long flat clouds, each one stroke; heights in units of the sheet."""
        if self.canvas.calm_top:
            highest, lowest = 0.42, 0.54
        colour = self.tones.mid if self.dark else self.tones.paper
        thick = self.reach * 0.075
        for _ in range(count):
            x = self.chance.uniform(0, 0.8) * self.width
            y = self.chance.uniform(highest, lowest) * self.height
            long = self.chance.uniform(0.1, 0.22) * self.width
            low, high = f"M{x:.0f} {y:.0f}h{long:.0f}", f"M{x + long * 0.3:.0f} {y - thick:.0f}"
            line = f"{low}{high}h{long * 0.45:.0f}"
            self.canvas.stroke(line, colour, thick, 0.35 if self.dark else 0.75)

    def birds(self, count: int) -> None:
        """Small birds far away."""
        side = self.chance.choice((-1, 1))
        first = self.focus[0] + side * self.reach * 1.1
        line = ""
        for at in range(count):
            x = first + self.chance.uniform(0.1, 0.22) * self.reach * (at - 1)
            y = self.focus[1] + self.chance.uniform(-1.09, -0.81) * self.reach
            line += _bird((x, y), self.reach * self.chance.uniform(0.05, 0.085))
        colour = self.tones.paper if self.dark else self.tones.strong
        self.canvas.stroke(line, colour, self.reach * 0.018, 0.8)

    def ridge(self, height: float, swing: float, knots: int = 6) -> list[Point]:
        """The skyline of a hill: `height` and `swing` in units of the sheet."""
        phase = self.chance.uniform(-0.4, 0.4)
        step = self.width * 1.3 / (knots - 1)
        return [
            (step * (at + phase) - self.width * 0.15, height + self.chance.uniform(-1, 1) * swing)
            for at in range(knots)
        ]

    def grass(self, root: Point, count: int, length: float, fill: str) -> None:
        """A tuft of blades, one shape."""
        blades = ""
        for at in range(count):
            lean = (at / max(1, count - 1) - 0.5) * 0.26 + self.chance.uniform(-0.03, 0.03)
            base = (root[0] + (at - count / 2) * length * 0.06, root[1])
            blades += leaf(base, 0.75 + lean, length * self.chance.uniform(0.6, 1), length * 0.045)
        self.canvas.path(blades, fill)

    def sprig(
        self,
        root: Point,
        angle: float,
        length: float,
        fill: str,
        *,
        pairs: int = 5,
        round_leaves: bool = False,
    ) -> None:
        """A twig with leaves in pairs: a stem and one shape of leaves. Angles in turns."""
        bend = self.chance.uniform(-0.07, 0.07)
        stem = [on_circle(root, length * at, angle + bend * at) for at in (0, 0.35, 0.7, 1)]
        leaves = leaf(stem[-1], angle + bend, length * 0.2, length * 0.05)
        pairs = min(pairs, 4) if round_leaves else pairs
        for at in range(pairs):
            share = 0.2 + 0.75 * at / pairs
            base = on_circle(root, length * share, angle + bend * share)
            size = length * (0.32 - 0.17 * share) * self.chance.uniform(0.9, 1.1)
            for side in (-1, 1):
                turned = angle + bend + side * self.chance.uniform(0.1, 0.14)
                leaves += (
                    petal(base, turned, size * 0.95, size * 0.27)
                    if round_leaves
                    else leaf(base, turned, size, size * 0.34)
                )
        self.canvas.stroke(smooth(stem), fill, length * 0.014)
        self.canvas.path(leaves, fill)

    def hill(self, line: list[Point], fill: str) -> None:
        self.canvas.path(ground(line, self.height), fill)

    def _stars(self) -> None:
        dots = ""
        for _ in range(26):
            x, y = self.chance.random() * self.width, self.chance.random() * 0.55 * self.height
            dots += disc((x, y), self.reach * self.chance.uniform(0.006, 0.014))
        self.canvas.path(dots, self.tones.paper, 0.75)

    def _roles(self) -> dict[str, str]:
        tones = self.tones
        return {
            "body": tones.strong,
            "shade": mix(tones.strong, tones.ink, 0.55),
            "light": mix(tones.paper, tones.pale, 0.25),
            "paper": tones.paper,
            "accent": mix(tones.mid, tones.glow, 0.3),
            "line": mix(tones.ink, tones.strong, 0.2),
            "steam": mix(tones.mid, tones.paper, 0.2),
        }


def _bird(body: Point, wing: float) -> str:
    """Two wings, as a line."""
    x, y = number(body[0] - wing), number(body[1] - wing * 0.45)
    w = [number(wing * part) for part in (0.6, -0.2, 1, 0.6, 0.4, -0.8, 1, -0.6)]
    return f"M{x} {y}q{w[0]} {w[1]} {w[2]} {w[3]}q{w[4]} {w[5]} {w[6]} {w[7]}"
