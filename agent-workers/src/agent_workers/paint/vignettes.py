"""The small pictures beside the questions: one thing, or one emblem, on a soft spot of colour."""

from collections.abc import Callable
from typing import Final

from agent_workers.paint.colour import mix
from agent_workers.paint.curve import disc, leaf, number, on_circle, pair, petal, smooth
from agent_workers.paint.icons import Icon
from agent_workers.paint.scene import Scene
from journal_contracts.artifacts import Motif


def vignette(scene: Scene, motif: Motif) -> None:
    """A spot with a thing or an emblem on it, and a pair of twigs; the paper shows around it."""
    _spot(scene)
    if scene.icon is None:
        EMBLEMS[motif](scene)
    else:
        _still_life(scene, scene.icon)


def _spot(scene: Scene) -> None:
    """A soft shape that is round by intent and never quite a circle."""
    centre = (scene.width / 2, scene.height / 2)
    turn = scene.chance.random()
    rim = [
        on_circle(centre, scene.width * scene.chance.uniform(0.4, 0.485), turn + at / 8)
        for at in range(8)
    ]
    tones = scene.tones
    warm = scene.mood in {"dawn", "dusk"}
    top = mix(tones.pale, tones.glow, 0.45) if warm else tones.pale
    scene.canvas.path(smooth(rim, closed=True), scene.canvas.fade(tones.sheet, top))


def _still_life(scene: Scene, icon: Icon) -> None:
    middle, foot = scene.width / 2, scene.height * 0.8
    scene.canvas.circle((middle, scene.height * 0.5), scene.width * 0.28, scene.moonlight)
    if icon.place == "sky":
        _twigs(scene, scene.height * 0.94)
        scene.set_down((middle, scene.height * 0.74), 0.5)
        return
    _twigs(scene, foot)
    half = scene.width * 0.3
    floor = f"M{number(middle - half)} {number(foot)}h{number(2 * half)}"
    floor += f"q-10 15 -{number(half)} 15t-{number(half)} -15Z"
    scene.canvas.path(floor, mix(scene.tones.mid, scene.tones.pale, 0.35))
    scene.set_down((middle, foot + 2), 0.56)


def _twigs(scene: Scene, foot: float) -> None:
    for side in (-1, 1):
        root = (scene.width * (0.5 + side * 0.2), foot)
        length = scene.width * scene.chance.uniform(0.24, 0.36)
        tone = scene.tones.near(scene.chance.uniform(0.42, 0.62))
        rounded = scene.chance.random() < 0.3
        scene.sprig(root, 0.75 + side * 0.075, length, tone, pairs=4, round_leaves=rounded)


def _hills(scene: Scene) -> None:
    w, middle = scene.width, scene.width / 2
    sun = (w * scene.chance.uniform(0.4, 0.62), w * 0.42)
    scene.canvas.circle(sun, w * 0.13, scene.tones.glow)
    for at, near in enumerate((0.3, 0.52, 0.72)):
        top, half = w * (0.5 + 0.09 * at), w * (0.36 - 0.035 * at)
        one, two = (scene.chance.uniform(-0.05, 0.05) * w for _ in range(2))
        left, right = (middle - half, top + w * 0.04), (middle + half, top + w * 0.03)
        line = [left, (middle - half * 0.4, top + one), (middle + half * 0.3, top + two), right]
        low, bottom = w * 0.84, (middle, w * 0.85)
        bowl = f"Q{pair((middle + half * 0.7, low))} {pair(bottom)}"
        bowl += f"Q{pair((middle - half * 0.7, low))} {pair(left)}Z"
        scene.canvas.path(smooth(line) + bowl, scene.tones.near(near))


def _waves(scene: Scene) -> None:
    w = scene.width
    scene.canvas.circle((w * 0.5, w * 0.38), w * 0.15, scene.tones.glow)
    for at in range(4):
        y = w * (0.52 + 0.085 * at)
        half = w * (0.34 - 0.05 * at) * scene.chance.uniform(0.92, 1.05)
        count = 4 - at // 2
        rise = number(half / count)
        swell = f"q{number(half / count / 2)} -{number(w * 0.05)} {rise} 0t{rise} 0"
        line = f"M{pair((w / 2 - half, y))}{swell * count}"
        scene.canvas.stroke(line, scene.tones.near(0.45 + 0.12 * at), w * 0.026)


def _leaves(scene: Scene) -> None:
    w = scene.width
    root, lean = (w * 0.5, w * 0.84), scene.chance.uniform(-0.03, 0.03)
    for side in (-1, 1):
        tone = scene.tones.near(0.45)
        scene.sprig(root, 0.75 + lean + side * 0.1, w * 0.46, tone, round_leaves=side > 0)
    scene.sprig(root, 0.75 + lean, w * 0.62, scene.tones.near(0.75), pairs=6)


def _orbits(scene: Scene) -> None:
    w = scene.width
    middle = (w / 2, w / 2)
    for at, share in enumerate((0.2, 0.29, 0.38)):
        scene.canvas.stroke(disc(middle, w * share), scene.tones.near(0.5), w * 0.008, 0.8)
        for turn in (scene.chance.random(), scene.chance.random()):
            size = w * scene.chance.uniform(0.018, 0.04)
            where = on_circle(middle, w * share, turn)
            scene.canvas.circle(where, size, scene.tones.near(0.5 + 0.12 * at))
    scene.canvas.circle(middle, w * 0.12, scene.tones.glow)
    scene.canvas.circle((w * 0.54, w * 0.47), w * 0.075, scene.tones.paper, 0.45)


def _paths(scene: Scene) -> None:
    w = scene.width
    scene.canvas.circle((w * 0.5, w * 0.36), w * 0.12, scene.tones.glow)
    rim = (
        (0.14, 0.5),
        (0.36, 0.4),
        (0.5, 0.45),
        (0.86, 0.5),
        (0.8, 0.86),
        (0.5, 0.87),
        (0.14, 0.5),
    )
    one, two, three, four, five, six, last = (pair((w * x, w * y)) for x, y in rim)
    field = f"M{one}Q{two} {three}T{four}Q{five} {six}T{last}Z"
    scene.canvas.path(field, scene.canvas.fade(scene.tones.near(0.45), scene.tones.near(0.65)))
    swing = w * scene.chance.uniform(0.08, 0.14) * scene.chance.choice((-1, 1))
    steps = [(0.49, 0.0, 0.012), (0.58, 0.9, 0.026), (0.7, -0.5, 0.045), (0.86, 0.3, 0.075)]
    left = [(w / 2 + swing * bend - w * wide, w * down) for down, bend, wide in steps]
    right = [(w / 2 + swing * bend + w * wide, w * down) for down, bend, wide in reversed(steps)]
    scene.canvas.path(smooth(left) + "L" + smooth(right)[1:] + "Z", scene.tones.paper)
    for x, y in ((0.27, 0.64), (0.74, 0.68)):
        tree = leaf((w * x, w * y), 0.75, w * scene.chance.uniform(0.16, 0.24), w * 0.055)
        scene.canvas.path(tree, scene.tones.near(0.82))


def _petals(scene: Scene) -> None:
    w = scene.width
    head, turn = (w / 2, w * 0.5), scene.chance.random()
    count = scene.chance.choice((7, 8, 9, 10))
    for ring, (size, near) in enumerate(((0.36, 0.3), (0.27, 0.48), (0.17, 0.66))):
        turns = (turn + (at + ring / 2) / count for at in range(count))
        rays = "".join(petal(head, each, w * size, w * size * 0.24) for each in turns)
        scene.canvas.path(rays, scene.tones.near(near))
    scene.canvas.circle(head, w * 0.06, scene.tones.glow)
    stamens = "".join(disc(on_circle(head, w * 0.085, at / 10), w * 0.009) for at in range(10))
    scene.canvas.path(stamens, scene.tones.paper)


EMBLEMS: Final[dict[Motif, Callable[[Scene], None]]] = {
    "hills": _hills,
    "waves": _waves,
    "leaves": _leaves,
    "orbits": _orbits,
    "paths": _paths,
    "petals": _petals,
}
