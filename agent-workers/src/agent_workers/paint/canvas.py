"""A sheet to paint on: it collects shapes, `MOST_SHAPES` at the most, and writes them as SVG."""

from dataclasses import dataclass, field
from typing import Final

from agent_workers.paint.curve import Point, number

MOST_SHAPES: Final = 60


class TooManyShapes(RuntimeError):
    """A motif drew more than a picture may hold: a mistake in the motif, never in a subject."""


@dataclass
class Canvas:
    """Shapes in painting order. `name` keeps gradient names apart when pictures share a page."""

    width: float
    height: float
    name: str
    calm_top: bool = False
    _shapes: list[str] = field(default_factory=list)
    _defs: list[str] = field(default_factory=list)
    _count: int = 0

    def path(self, line: str, fill: str, opacity: float = 1.0) -> None:
        self._put(f'<path d="{line}" fill="{fill}"{_faint(opacity)}/>')

    def stroke(self, line: str, colour: str, width: float, opacity: float = 1.0) -> None:
        self._put(
            f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{number(width)}"'
            f' stroke-linecap="round" stroke-linejoin="round"{_faint(opacity)}/>'
        )

    def circle(self, centre: Point, radius: float, fill: str, opacity: float = 1.0) -> None:
        x, y, r = number(centre[0]), number(centre[1]), number(radius)
        self._put(f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"{_faint(opacity)}/>')

    def cover(self, fill: str) -> None:
        """Paints the whole sheet."""
        width, height = number(self.width), number(self.height)
        self._put(f'<rect width="{width}" height="{height}" fill="{fill}"/>')

    def drawing(self, shapes: str, foot: Point, scale: float) -> None:
        """Sets ready-made shapes down on `foot`."""
        self._count += shapes.count("/>")
        at = f"translate({number(foot[0])} {number(foot[1])}) scale({scale:.3f})"
        self._shapes.append(f'<g transform="{at}">{shapes}</g>')

    def fade(self, top: str, bottom: str, middle: str | None = None) -> str:
        """A fill that changes from top to bottom of whatever it fills."""
        stops = (top, bottom) if middle is None else (top, middle, bottom)
        last = len(stops) - 1
        drawn = "".join(
            f'<stop offset="{at / last:g}" stop-color="{colour}"/>'
            for at, colour in enumerate(stops)
        )
        return self._define("linearGradient", ' x1="0" y1="0" x2="0" y2="1"', drawn)

    def halo(self, colour: str, strength: float) -> str:
        """A light that fades out towards the rim of whatever it fills."""
        drawn = (
            f'<stop offset="0.3" stop-color="{colour}" stop-opacity="{strength:g}"/>'
            f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/>'
        )
        return self._define("radialGradient", "", drawn)

    def svg(self) -> str:
        """The finished picture. `data-calm` tells the binder that a title may stand on it."""
        if self._count > MOST_SHAPES:
            raise TooManyShapes(f"{self._count} shapes in {self.name}")
        size = f"{number(self.width)} {number(self.height)}"
        calm = ' data-calm="top"' if self.calm_top else ""
        defs = f"<defs>{''.join(self._defs)}</defs>" if self._defs else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"{calm}>'
            f"{defs}{''.join(self._shapes)}</svg>\n"
        )

    def _put(self, shape: str) -> None:
        self._count += 1
        self._shapes.append(shape)

    def _define(self, kind: str, line: str, stops: str) -> str:
        name = f"{self.name}-{len(self._defs)}"
        self._defs.append(f'<{kind} id="{name}"{line}>{stops}</{kind}>')
        return f"url(#{name})"


def _faint(opacity: float) -> str:
    return "" if opacity >= 1 else f' opacity="{opacity:.2g}"'
