"""Lines as SVG path data: pure geometry, no colour."""

from collections.abc import Sequence
from math import cos, sin, tau

Point = tuple[float, float]


def number(value: float) -> str:
    """A coordinate as short as it may be: a tenth of a unit is finer than print shows."""
    text = f"{value:.1f}"
    return "0" if text in {"-0.0", "0.0"} else text.removesuffix(".0")


def pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def smooth(points: Sequence[Point], *, closed: bool = False) -> str:
    """A soft line through all points (Catmull-Rom as cubic Beziers)."""
    count = len(points)
    line = [f"M{pair(points[0])}"]
    for at in range(count if closed else count - 1):
        before, start = _of(points, at - 1, closed), points[at]
        end, after = _of(points, at + 1, closed), _of(points, at + 2, closed)
        one = (start[0] + (end[0] - before[0]) / 6, start[1] + (end[1] - before[1]) / 6)
        two = (end[0] - (after[0] - start[0]) / 6, end[1] - (after[1] - start[1]) / 6)
        line.append(f"C{pair(one)} {pair(two)} {pair(end)}")
    return "".join(line) + ("Z" if closed else "")


def ground(points: Sequence[Point], bottom: float) -> str:
    """Everything below a soft line, down to `bottom`."""
    return f"{smooth(points)}V{number(bottom)}H{number(points[0][0])}Z"


def leaf(base: Point, angle: float, length: float, width: float) -> str:
    """A pointed leaf; angles in turns, 0 to the right, 0.75 upwards."""
    tip = on_circle(base, length, angle)
    belly = on_circle(base, length * 0.42, angle)
    left, right = on_circle(belly, width, angle - 0.25), on_circle(belly, width, angle + 0.25)
    return f"M{pair(base)}Q{pair(left)} {pair(tip)}Q{pair(right)} {pair(base)}Z"


def petal(base: Point, angle: float, length: float, width: float) -> str:
    """A round petal: widest near its end."""
    tip = on_circle(base, length, angle)
    left = on_circle(on_circle(base, length * 0.75, angle), width, angle - 0.25)
    right = on_circle(on_circle(base, length * 0.75, angle), width, angle + 0.25)
    over = length * 0.3
    return (
        f"M{pair(base)}Q{pair(on_circle(left, over, angle + 0.5))} {pair(left)}"
        f"Q{pair(on_circle(left, over, angle))} {pair(tip)}"
        f"Q{pair(on_circle(right, over, angle))} {pair(right)}"
        f"Q{pair(on_circle(right, over, angle + 0.5))} {pair(base)}Z"
    )


def disc(centre: Point, radius: float) -> str:
    """A circle as a subpath, so that many of them are one shape."""
    r, wide = number(radius), number(2 * radius)
    start = pair((centre[0] - radius, centre[1]))
    return f"M{start}a{r} {r} 0 1 0 {wide} 0a{r} {r} 0 1 0 -{wide} 0Z"


def on_circle(centre: Point, radius: float, angle: float) -> Point:
    return centre[0] + radius * cos(angle * tau), centre[1] + radius * sin(angle * tau)


def along(points: Sequence[Point], share: float) -> Point:
    """The point at `share` (0 to 1) of a line of straight pieces of equal weight."""
    at = max(0.0, min(0.999, share)) * (len(points) - 1)
    (x, y), (to_x, to_y), rest = points[int(at)], points[int(at) + 1], at - int(at)
    return x + (to_x - x) * rest, y + (to_y - y) * rest


def _of(points: Sequence[Point], at: int, closed: bool) -> Point:
    return points[at % len(points)] if closed else points[max(0, min(len(points) - 1, at))]
