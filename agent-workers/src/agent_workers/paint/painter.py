"""From a requirement to its picture: which place, which motif, which light, which thing."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from agent_workers.paint.canvas import Canvas
from agent_workers.paint.colour import Tones
from agent_workers.paint.curve import Point
from agent_workers.paint.icons import Icon, named_in
from agent_workers.paint.motifs import MOTIFS
from agent_workers.paint.scene import Mood, Scene
from agent_workers.paint.vignettes import vignette
from journal_contracts.artifacts import ImageRequirement, Motif, VisualStyle

Place = Literal["cover", "intro", "left", "right", "certificate"]

PLACE: Final = re.compile(r"-(?:(cover|intro|certificate)|day-(\d+)-(left|right))$")


@dataclass(frozen=True)
class Sheet:
    """The form of a place's pictures; `focus`, `reach` and `drift` are shares of its size."""

    width: float
    height: float
    focus: tuple[float, float]
    reach: float
    moods: tuple[Mood, ...]
    drift: float = 0.0


SHEETS: Final[dict[Place, Sheet]] = {
    "cover": Sheet(600, 900, (0.5, 0.75), 0.24, ("dawn", "day")),
    "intro": Sheet(400, 500, (0.5, 0.7), 0.32, ("dawn", "day"), 0.1),
    "left": Sheet(600, 400, (0.5, 0.72), 0.4, ("dawn", "day", "dusk", "night"), 0.14),
    "right": Sheet(240, 240, (0.5, 0.8), 1.0, ("day", "dawn")),
    "certificate": Sheet(750, 300, (0.5, 0.76), 0.48, ("dawn", "dusk"), 0.14),
}

FAMILIES: Final[dict[Motif, str]] = {
    "hills": "hill hills mountain mountains valley field fields meadow horizon landscape",
    "waves": "wave waves sea ocean river lake water tide shore boat breath",
    "leaves": "leaf leaves tree trees forest garden branch fern seed roots",
    "orbits": "star stars moon night sky circle ring orbit planet",
    "paths": "path road way step steps walk trail journey track lane",
    "petals": "flower flowers petal bloom blossom bouquet heart",
}
MOTIF_OF: Final = {word: motif for motif, spoken in FAMILIES.items() for word in spoken.split()}


def paint(requirement: ImageRequirement, style: VisualStyle, seed: str) -> str:
    """The picture as SVG; the same three arguments give the same picture, letter by letter."""
    place, day = _place(requirement.id)
    sheet = SHEETS[place]
    digest = _digest(f"{seed}\0{requirement.id}\0{style.name}")
    turn = day + int(_digest(seed)[:6], 16)
    icon = named_in(requirement.subject)
    motif = _motif(requirement.subject, icon, style.motifs, turn)
    mood = sheet.moods[(turn // len(style.motifs) + turn) % len(sheet.moods)]
    tones, chance = Tones.of(style), Random(int(digest, 16))
    scene = Scene(
        canvas=Canvas(sheet.width, sheet.height, f"p{digest[:8]}", calm_top=place == "cover"),
        tones=tones.at_night() if mood == "night" else tones,
        chance=chance,
        mood=mood,
        icon=icon,
        focus=_focus(sheet, chance),
        reach=sheet.reach * sheet.height,
    )
    if place == "right":
        vignette(scene, motif)
    else:
        MOTIFS[motif](scene)
    return scene.canvas.svg()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place(requirement_id: str) -> tuple[Place, int]:
    """Where a picture stands; one with an unknown place is painted as a left one."""
    match PLACE.search(requirement_id):
        case None:
            return "left", 0
        case found if found[1]:
            return found[1], 0  # type: ignore[return-value]  # the pattern names places only
        case found:
            return found[3], int(found[2])  # type: ignore[return-value]  # likewise


def _motif(subject: str, icon: Icon | None, motifs: Sequence[Motif], turn: int) -> Motif:
    """What the subject speaks of, if the style paints such scenes; else the next one in turn."""
    if icon is not None and icon.place == "water":
        return "waves"
    for word in re.findall(r"[a-z]+", subject.lower()):
        spoken = MOTIF_OF.get(word)
        if spoken in motifs and spoken is not None:
            return spoken
    return motifs[turn % len(motifs)]


def _focus(sheet: Sheet, chance: Random) -> Point:
    """Where the eye shall rest: the middle, or a little beside it where the sheet may drift."""
    drift = chance.uniform(-sheet.drift, sheet.drift)
    return (sheet.focus[0] + drift) * sheet.width, sheet.focus[1] * sheet.height
