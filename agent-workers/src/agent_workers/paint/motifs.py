"""The six families of scenes: each paints its world around the focus, and the thing in it."""

from collections.abc import Callable
from typing import Final

from agent_workers.paint.colour import mix
from agent_workers.paint.curve import Point, disc, leaf, on_circle, pair, petal, smooth
from agent_workers.paint.scene import Scene
from journal_contracts.artifacts import Motif


def hills(scene: Scene) -> None:
    """Ridge behind ridge, hazy far away, and a few trees near by."""
    scene.sky()
    scene.clouds(scene.chance.randint(1, 3), 0.06, 0.4)
    if scene.chance.random() < 0.6:
        scene.birds(scene.chance.randint(2, 4))
    scene.hover()
    _ridges(scene, count=scene.chance.randint(2, 3), start=0.08, top=0.5)
    knoll = _knoll(scene)
    scene.hill(knoll, scene.haze(0.35, 0.58))
    scene.stand()
    _trees(scene, knoll)
    front = scene.ridge(scene.height * 0.9, scene.height * 0.035)
    scene.hill(front, scene.haze(0.1, 0.82))
    for _ in range(3):
        root = (scene.chance.uniform(0, 1) * scene.width, scene.height * 1.01)
        scene.grass(root, 7, scene.height * 0.16, scene.tones.near(0.97))


def waves(scene: Scene) -> None:
    """Water up to a low horizon, with the light lying on it."""
    scene.sky()
    scene.clouds(scene.chance.randint(1, 3), 0.06, 0.35)
    scene.birds(scene.chance.randint(2, 4))
    scene.hover()
    horizon = scene.focus[1]
    coast = scene.ridge(horizon - scene.height * 0.015, scene.height * 0.05, 7)
    scene.hill(coast, scene.haze(0.5, 0.22))
    _sea(scene, horizon)
    afloat = scene.icon is not None and scene.icon.place == "water"
    if scene.icon is not None and scene.icon.place == "ground":
        _island(scene, horizon)
    bands = scene.chance.randint(4, 5)
    for at in range(bands):
        share = (at + 1) / (bands + 0.4)
        top = horizon + (scene.height - horizon) * (0.1 + 0.9 * share**1.15)
        if afloat and at == 1:
            scene.stand((scene.focus[0], top + scene.reach * 0.06))
        _wave(scene, top, share)


def leaves(scene: Scene) -> None:
    """Branches that reach in from the edges and leave the middle to the light."""
    scene.sky()
    scene.hover()
    scene.hill(scene.ridge(scene.height * 0.8, scene.height * 0.05), scene.haze(0.4, 0.3))
    knoll = _knoll(scene)
    scene.hill(knoll, scene.haze(0.2, 0.5))
    scene.stand()
    scene.hill(scene.ridge(scene.height * 0.93, scene.height * 0.02), scene.tones.near(0.75))
    size = min(scene.width, scene.height)
    side = scene.chance.choice((-1, 1))
    for at, (x, y, angle) in enumerate(_corners(scene, side)):
        if scene.canvas.calm_top and y < 0.5:
            continue
        fill = scene.tones.near((0.42, 0.66, 0.92, 0.55, 0.8, 0.97)[at % 6])
        scene.sprig(
            (x * scene.width, y * scene.height),
            angle + scene.chance.uniform(-0.03, 0.03),
            size * scene.chance.uniform(0.5, 0.72),
            fill,
            pairs=scene.chance.randint(5, 7),
            round_leaves=at in {2, 5},
        )


def orbits(scene: Scene) -> None:
    """Rings around the light, with small worlds on them."""
    scene.sky()
    ring = mix(scene.tones.paper, scene.tones.mid, 0.25) if scene.dark else scene.tones.mid
    first = scene.reach * 0.78
    gap = scene.reach * scene.chance.uniform(0.24, 0.34)
    for at in range(2 if scene.canvas.calm_top else 5):
        radius = first + gap * at
        scene.canvas.stroke(disc(scene.light, radius), ring, scene.reach * 0.012, 0.75 - 0.12 * at)
        for _ in range(scene.chance.randint(1, 2)):
            where = on_circle(scene.light, radius, scene.chance.uniform(0.5, 1.0))
            _world(scene, where, scene.reach * scene.chance.uniform(0.035, 0.085))
    scene.hover()
    scene.hill(scene.ridge(scene.height * 0.82, scene.height * 0.05), scene.haze(0.3, 0.45))
    scene.hill(_knoll(scene), scene.haze(0.15, 0.65))
    scene.stand()
    scene.hill(scene.ridge(scene.height * 0.94, scene.height * 0.02), scene.tones.near(0.9))


def paths(scene: Scene) -> None:
    """A way that winds from our feet to the light."""
    scene.sky()
    scene.clouds(scene.chance.randint(1, 2), 0.06, 0.3)
    scene.hover()
    _ridges(scene, count=2, start=0.12, top=0.5)
    knoll = _knoll(scene)
    scene.hill(knoll, scene.haze(0.3, 0.45))
    sand = mix(scene.tones.paper, scene.tones.glow, 0.15 if scene.dark else 0.35)
    scene.canvas.path(_way(scene), sand)
    scene.stand()
    _trees(scene, knoll)
    side = scene.chance.choice((0.06, 0.94))
    for x, near in ((side, 0.78), (1 - side, 0.9), (side * 0.6 + 0.2, 0.97)):
        root = (x * scene.width, scene.height * 1.01)
        scene.grass(root, 9, scene.height * 0.2, scene.tones.near(near))


def petals(scene: Scene) -> None:
    """A meadow in bloom, seen from between the flowers."""
    scene.sky()
    if scene.chance.random() < 0.5:
        scene.birds(2)
    scene.hover()
    scene.hill(scene.ridge(scene.height * 0.72, scene.height * 0.05), scene.haze(0.4, 0.25))
    knoll = _knoll(scene)
    scene.hill(knoll, scene.haze(0.25, 0.45))
    scene.stand()
    scene.hill(scene.ridge(scene.height * 0.95, scene.height * 0.02), scene.tones.near(0.7))
    spots = (0.03, 0.12, 0.22, 0.33, 0.7, 0.82, 0.95)
    tall = min(scene.height, scene.width) * 0.52
    for at, x in enumerate(spots):
        root = ((x + scene.chance.uniform(-0.03, 0.03)) * scene.width, scene.height * 1.02)
        inward = 1 - abs(x - 0.5) * 1.1
        _bloom(scene, root, tall * scene.chance.uniform(0.8, 1.15) * (1.25 - inward), at)


MOTIFS: Final[dict[Motif, Callable[[Scene], None]]] = {
    "hills": hills,
    "waves": waves,
    "leaves": leaves,
    "orbits": orbits,
    "paths": paths,
    "petals": petals,
}


def _ridges(scene: Scene, *, count: int, start: float, top: float) -> None:
    horizon = scene.focus[1]
    for at in range(count):
        share = at / count
        line = scene.ridge(
            horizon - scene.height * (0.1 - 0.09 * share) * (top + 0.5), scene.height * 0.06, 7
        )
        scene.hill(line, scene.haze(0.55, start + 0.36 * share))


def _knoll(scene: Scene) -> list[Point]:
    """A hill whose top is the focus, so that a thing stands firm on it."""
    x, y = scene.focus
    fall = scene.height * scene.chance.uniform(0.03, 0.07)
    flat = scene.reach * 0.45
    left, right = x - flat, x + flat
    return [
        (-scene.width * 0.1, y + fall * scene.chance.uniform(0.6, 1.8)),
        (left * 0.5, y + fall * scene.chance.uniform(0.4, 1)),
        (left, y + fall * 0.12),
        (x, y - fall * 0.02),
        (right, y + fall * 0.12),
        (right + (scene.width - right) * 0.5, y + fall * scene.chance.uniform(0.4, 1)),
        (scene.width * 1.1, y + fall * scene.chance.uniform(0.6, 1.8)),
    ]


def _trees(scene: Scene, knoll: list[Point]) -> None:
    """Small trees on both slopes, away from the focus; crowns are one shape, trunks another."""
    crowns, trunks = "", ""
    round_ones = scene.chance.random() < 0.5
    for at in (1, 5, 1, 5, 5)[: scene.chance.randint(3, 5)]:
        x = knoll[at][0] + scene.chance.uniform(-0.1, 0.1) * scene.width
        y = knoll[at][1] + scene.height * 0.02
        tall = scene.height * scene.chance.uniform(0.09, 0.17)
        trunks += f"M{x:.1f} {y:.1f}V{y - tall * 0.5:.1f}"
        crowns += (
            disc((x, y - tall * 0.68), tall * 0.3)
            if round_ones
            else leaf((x, y - tall * 0.12), 0.75, tall, tall * 0.36)
        )
    scene.canvas.stroke(trunks, scene.tones.near(0.95), scene.height * 0.009)
    scene.canvas.path(crowns, scene.tones.near(0.74))


def _sea(scene: Scene, horizon: float) -> None:
    line = f"M0 {horizon:.1f}H{scene.width:.0f}V{scene.height:.0f}H0Z"
    depth = scene.canvas.fade(scene.tones.near(0.3), scene.tones.near(0.6))
    scene.canvas.path(line, depth)
    gleam = ""
    for at in range(7):
        y = horizon + (scene.height - horizon) * (0.05 + 0.075 * at)
        half = scene.reach * scene.chance.uniform(0.12, 0.42) * (1.1 - 0.1 * at)
        x = scene.focus[0] + scene.chance.uniform(-0.08, 0.08) * scene.reach
        gleam += f"M{x - half:.1f} {y:.1f}h{2 * half:.1f}"
    scene.canvas.stroke(gleam, scene.moonlight, scene.reach * 0.022, 0.8)


def _island(scene: Scene, horizon: float) -> None:
    x, wide = scene.focus[0], scene.reach * 1.05
    heights = ((-1, -0.05), (-0.5, 0.08), (0, 0.13), (0.5, 0.07), (1, -0.05))
    mound = [(x + wide * at, horizon - scene.reach * up) for at, up in heights]
    scene.canvas.path(smooth(mound) + "Z", scene.haze(0.2, 0.62))
    scene.stand((x, horizon - scene.reach * 0.1))


def _wave(scene: Scene, top: float, share: float) -> None:
    """One band of water with a soft swell, and the rim of light on it."""
    length = scene.width * scene.chance.uniform(0.2, 0.3) * (0.7 + share)
    swell = scene.height * 0.02 * (0.5 + share)
    start = -length * scene.chance.random()
    points: list[Point] = []
    at = start
    while at < scene.width + length:
        crest = top - swell * scene.chance.uniform(0.7, 1.2)
        points += [(at, top + swell), (at + length * 0.5, crest)]
        at += length
    scene.hill(points, scene.haze(0.12, 0.42 + 0.48 * share))
    foam = mix(scene.tones.paper, scene.tones.pale, 0.4)
    scene.canvas.stroke(smooth(points), foam, scene.height * 0.006, 0.5)


def _corners(scene: Scene, side: int) -> list[tuple[float, float, float]]:
    """Where branches grow from and where to (turns): two from above, four from below."""
    high = (0.0 if side < 0 else 1.0, 0.0)
    down = 0.1 if side < 0 else 0.4
    low_left, low_right = 0.79, 0.71
    return [
        (0.02, 1.04, low_left - 0.05),
        (0.97, 1.05, low_right + 0.05),
        (0.13, 1.07, low_left - 0.02),
        (high[0], high[1] - 0.04, down),
        (abs(high[0] - 0.16), -0.04, down + side * 0.06),
        (0.88, 1.07, low_right + 0.02),
    ]


def _world(scene: Scene, centre: Point, radius: float) -> None:
    tone = scene.tones.near(scene.chance.choice((0.45, 0.6, 0.75)))
    body = mix(tone, scene.tones.paper, 0.55) if scene.dark else tone
    scene.canvas.circle(centre, radius, scene.chance.choice((body, body, scene.tones.glow)))


def _way(scene: Scene) -> str:
    """A path that swings from side to side and narrows towards the focus."""
    x, y = scene.focus
    swing = scene.width * scene.chance.uniform(0.12, 0.2) * scene.chance.choice((-1, 1))
    depth = scene.height * 1.04 - y
    bends = (
        (0.0, 0.0, 0.012),
        (0.18, 0.45, 0.03),
        (0.42, -0.35, 0.06),
        (0.7, 0.6, 0.11),
        (1.0, -0.1, 0.2),
    )
    middle = [
        (x + swing * bend, y + depth * down, scene.reach * wide) for down, bend, wide in bends
    ]
    left = [(mx - wide * 1.6, my) for mx, my, wide in middle]
    right = [(mx + wide * 1.6, my) for mx, my, wide in reversed(middle)]
    return smooth(left) + "L" + smooth(right)[1:] + "Z"


def _bloom(scene: Scene, root: Point, tall: float, kind: int) -> None:
    """One flower: stem with leaves, and a head of one of three kinds."""
    lean = scene.chance.uniform(-0.025, 0.025)
    head = on_circle(root, tall, 0.75 + lean)
    middle = on_circle(root, tall * 0.5, 0.75 + lean * 0.4)
    stem = mix(scene.tones.strong, scene.tones.ink, 0.3)
    scene.canvas.stroke(smooth([root, middle, head]), stem, tall * 0.022)
    side = scene.chance.choice((-1, 1))
    low = on_circle(root, tall * 0.3, 0.75)
    blades = leaf(low, 0.75 + side * 0.09, tall * 0.36, tall * 0.06)
    blades += leaf(middle, 0.75 - side * 0.1, tall * 0.26, tall * 0.05)
    scene.canvas.path(blades, stem)
    size = tall * scene.chance.uniform(0.16, 0.22)
    tender = mix(scene.tones.mid, scene.tones.paper, 0.25)
    colour = (scene.tones.paper, scene.tones.glow, tender)[kind % 3]
    match kind % 3:
        case 0:
            _daisy(scene, head, size, colour)
        case 1:
            _tulip(scene, head, size * 1.15, colour)
        case _:
            _umbel(scene, head, size, colour)


def _daisy(scene: Scene, head: Point, size: float, colour: str) -> None:
    turn = scene.chance.random()
    rays = "".join(petal(head, turn + at / 8, size, size * 0.22) for at in range(8))
    scene.canvas.path(rays, colour)
    scene.canvas.circle(head, size * 0.28, mix(scene.tones.glow, scene.tones.mid, 0.45))


def _tulip(scene: Scene, head: Point, size: float, colour: str) -> None:
    base = (head[0], head[1] + size * 0.5)
    sides = "".join(petal(base, angle, size * 1.2, size * 0.3) for angle in (0.7, 0.8))
    scene.canvas.path(sides, mix(colour, scene.tones.mid, 0.35))
    scene.canvas.path(petal(base, 0.75, size * 1.15, size * 0.34), colour)


def _umbel(scene: Scene, head: Point, size: float, colour: str) -> None:
    rays, dots = "", ""
    for at in range(7):
        tip = on_circle(head, size * scene.chance.uniform(0.85, 1.05), 0.55 + 0.4 * at / 6)
        rays += f"M{pair(head)}L{pair(tip)}"
        dots += disc(tip, size * 0.17)
    scene.canvas.stroke(rays, scene.tones.strong, size * 0.05)
    scene.canvas.path(dots, colour)
