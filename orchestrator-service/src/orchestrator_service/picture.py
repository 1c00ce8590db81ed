"""A journal as a picture: its plan's graph with how far each part is, as SVG, and as Mermaid; pure.

`python -m orchestrator_service.picture FILE` writes the plans in a page of the docs anew.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final, Literal

from journal_contracts.decisions import ChosenBy
from journal_contracts.product import PlanName
from orchestrator_service import answers, steps
from orchestrator_service.layout import Layout, direct, place
from orchestrator_service.plan import DEFINITIONS, NEWEST
from orchestrator_service.questions import UNFORESEEN
from orchestrator_service.state import Part, PhaseState, QuestionState, Saga
from orchestrator_service.table import Node, Phase, Question

Look = Literal["waiting", "running", "done", "failed", "skipped", "asked"]

NODE, TALL, LANE, GAP, BETWEEN = 216, 48, 12, 28, 32
"""Widths of a node and of a passing edge, heights, and the room between: all in pixels."""
MARGIN, HEAD, FOOT = 28, 84, 52
HEXAGON: Final = f'<path d="M14 0H{NODE - 14}l14 {TALL // 2}-14 {TALL // 2}H14L0 {TALL // 2}z"'
LONGEST: Final = 26

WORDS: Final[dict[Look, str]] = {
    "waiting": "to come",
    "running": "at work",
    "done": "done",
    "failed": "failed",
    "skipped": "left out",
    "asked": "waits for you",
}
BY: Final[dict[ChosenBy, str]] = {
    "user": "",
    "default": "by default",
    "request": "as ordered",
    "plan": "by the plan",
}
MARKS: Final[dict[Look, str]] = {
    "waiting": "",
    "running": "M-2.5-4 4 0-2.5 4z",
    "done": "M-4 .3-1.2 3.2 4.2-3",
    "failed": "M-3-3 3 3M3-3-3 3",
    "skipped": "M-3.6 0H3.6",
    "asked": "M-2.4-1.8A2.5 2.5 0 1 1 .2.9V1.8M.2 4.2V4.3",
}
"""Signs beside the colours, around the middle of a circle."""

PALETTES: Final = {
    "light": {
        "page": ("#ffffff", "#1d2126", "#626a73", "#9aa3ad"),
        "waiting": ("#f5f6f7", "#c3c9cf", "#626a73"),
        "running": ("#e6f0fe", "#2f6fd6", "#123a77"),
        "done": ("#e8f5ec", "#2f855a", "#174a31"),
        "failed": ("#fdecec", "#c53030", "#7b1d1d"),
        "skipped": ("#ffffff", "#c3c9cf", "#69717a"),
        "asked": ("#fff5da", "#b7791f", "#6b430a"),
    },
    "dark": {
        "page": ("#15181c", "#eceff2", "#a0a8b1", "#6b747e"),
        "waiting": ("#1e2227", "#454d56", "#a0a8b1"),
        "running": ("#14284a", "#6ea2f5", "#cfe0ff"),
        "done": ("#12301f", "#55b987", "#cdeedb"),
        "failed": ("#3d1616", "#f27878", "#ffd9d9"),
        "skipped": ("#15181c", "#454d56", "#8b949e"),
        "asked": ("#3a2a08", "#e0a53c", "#ffe8b8"),
    },
}
"""Of the page: ground, text, quiet text, lines; of each look: ground, edge, text."""


@dataclass(frozen=True)
class Tile:
    """What a node of the picture shows; `aside` is a time, `parts` are those of a fan-out."""

    name: str
    title: str
    look: Look
    told: str
    is_question: bool
    aside: str = ""
    parts: tuple[Part, ...] = ()


def svg(saga: Saga) -> str:
    """The picture of one journal as it stands."""
    tiles = {name: _tile(saga, node) for name, node in saga.graph.nodes.items()}
    layout = place(saga.graph.needs, NODE, LANE, GAP)
    width = max(layout.width, 2 * NODE + GAP) + 2 * MARGIN
    left = (width - layout.width) / 2
    height = HEAD + layout.layers * (TALL + BETWEEN) - BETWEEN + FOOT
    return "".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-labelledby="picture-name picture-told" width="{_n(width)}" '
            f'height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}">',
            f'<title id="picture-name">{_text(_name(saga))}</title>',
            f'<desc id="picture-told">{_text(_in_words(saga, tiles.values()))}</desc>',
            f"<style>{_style()}</style>",
            f'<rect class="page" width="{_n(width)}" height="{_n(height)}"/>',
            *_head(saga, width),
            f'<g transform="translate({_n(left)} {HEAD})">',
            *_edges(layout, tiles),
            *(_drawn(tile, *layout.at[name]) for name, tile in tiles.items()),
            "</g>",
            *_legend(width, height),
            "</svg>",
        ]
    )


def mermaid(plan: PlanName) -> str:
    """The graph of a plan, for the docs: rounded what agents do, hexagons what the user decides."""
    graph = DEFINITIONS[NEWEST].graphs[plan]
    asked = {name for name in graph.nodes if name in graph.asks}
    lines = ["flowchart TB", *(_mermaid_node(node, asked) for node in graph.nodes.values())]
    lines += [f"    {one} --> {other}" for one, other in direct(graph.needs)]
    for node in graph.nodes.values():
        if isinstance(node, Question):
            lines += [f"    {node.name} -. {opt} .-> {to}" for opt, to in node.back.items()]
    lines.append("    classDef asked fill:#fff5da,stroke:#b7791f,color:#6b430a")
    if asked:
        lines.append(f"    class {','.join(name for name in graph.nodes if name in asked)} asked")
    return "\n".join(lines)


def with_plans(page: str) -> str:
    """A page with the pictures of all plans in their places (`<!-- plan: express -->`)."""
    for plan in PlanName:
        block = f"<!-- plan: {plan} -->\n```mermaid\n{mermaid(plan)}\n```"
        pattern = rf"<!-- plan: {plan} -->\n(```mermaid\n.*?\n```)?"
        page = re.sub(pattern, lambda _, block=block: block, page, flags=re.DOTALL)  # type: ignore[misc]
    return page


# --- what is shown of each node -----------------------------------------------------------------


def _tile(saga: Saga, node: Node) -> Tile:
    title = node.name.replace("_", " ").capitalize()
    match node:
        case Phase():
            state = saga.phases.get(node.name, PhaseState())
            look, told = _of_phase(node, state)
            took = _duration(state.seconds) if look == "done" and state.seconds else ""
            parts = tuple(p for _, p in sorted(state.work.items()) if p.state != "dropped")
            return Tile(node.name, title, look, told, False, took, parts if len(parts) > 1 else ())
        case Question():
            asked = saga.questions.get(node.name, QuestionState())
            look, told, aside = _of_question(saga, node, asked)
            return Tile(node.name, f"{title}?", look, told, True, aside)


def _of_phase(phase: Phase, state: PhaseState) -> tuple[Look, str]:
    agent, parts = _agent(phase.agent), state.work.values()
    done, count = sum(part.state == "done" for part in parts), len(parts)
    share = f"{done} of {count}" if count > 1 else ""
    again = f"round {state.round + 1}" if state.round else ""
    if any(part.state == "failed" for part in state.parts.values()):
        return "failed", _joined(agent, share)
    match state.status:
        case "waiting":
            return "waiting", agent
        case "running":
            later = any(part.state == "retry" for part in parts)
            return "running", _joined(agent, share or ("tries again" if later else again))
        case "undo" | "undoing":
            return "running", _joined(agent, "takes it back")
        case "done" if not parts:
            return "skipped", agent
        case "done":
            return "done", _joined(agent, again or (f"{count} parts" if count > 1 else ""))


def _of_question(saga: Saga, question: Question, state: QuestionState) -> tuple[Look, str, str]:
    if state.status == "open":
        if saga.is_over:
            return "skipped", "never answered", ""
        return "asked", "your answer is needed", f"until {state.due:%H:%M} UTC" if state.due else ""
    if state.status == "waiting":
        return "waiting", "yours to decide" if _asks(saga, question) else "by the plan", ""
    return "done", _chosen(saga, question), BY[state.made[-1].by]


def _asks(saga: Saga, question: Question) -> bool:
    return question.name in saga.graph.asks and not saga.request.unattended


def _chosen(saga: Saga, question: Question) -> str:
    """A choice in the words of its option, where they can still be told."""
    choice = saga.questions[question.name].made[-1].choice
    with suppress(LookupError):
        for option in question.options(saga.known):
            if option.id == choice.option and choice.text is None:
                return option.label
    return choice.text or choice.option


def _name(saga: Saga) -> str:
    title = steps.title(saga)
    return title.text if title else saga.request.theme


def _standing(saga: Saga) -> str:
    """`Standard plan, 42 % done, paused`"""
    state = str(saga.status)
    if not saga.is_over:
        state = "waiting for you" if saga.is_over_budget or not saga.is_working else "running"
        state = "paused" if saga.paused_until else state
    return f"{saga.request.plan.capitalize()} plan, {saga.percent} % done, {state}"


def _notice(saga: Saga) -> str:
    """What the picture's nodes cannot say: a question no plan foresees, and why it stands still."""
    if not saga.is_over:
        for view in answers.open_questions(saga):
            if view.id in UNFORESEEN:
                return view.question
    return saga.trouble.detail or saga.trouble.code if saga.trouble else ""


def _in_words(saga: Saga, tiles: Iterable[Tile]) -> str:
    told = (f"{_standing(saga)}.", _notice(saga), *map(_told, tiles))
    return " ".join(word for word in told if word)


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)


def _agent(name: str) -> str:
    return " ".join(w.upper() if w == "pdf" else w.capitalize() for w in name.split("_"))


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


# --- how it is drawn ----------------------------------------------------------------------------


def _style() -> str:
    sans = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
    base = (
        f"text{{font:11px {sans}}}.name{{font-weight:600;font-size:13px}}"
        ".aside{text-anchor:end;font-size:10px}.title{font-weight:600;font-size:17px}.edge{fill:none;stroke-width:1.5}"
        ".tile{stroke-width:1.4}.skipped .tile{stroke-dasharray:4 3}"
        ".mark{fill:none;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}"
        ".waiting .disc{fill:none;stroke-width:1.4}"
    )
    dark = "".join(_colours("dark"))
    return f"{base}{''.join(_colours('light'))}@media(prefers-color-scheme:dark){{{dark}}}"


def _colours(theme: str) -> Iterator[str]:
    ground, text, quiet, line = PALETTES[theme]["page"]
    yield f".page{{fill:{ground}}}.title,.key{{fill:{text}}}.quiet{{fill:{quiet}}}"
    yield f".edge{{stroke:{line}}}.arrow{{fill:{line}}}.mark{{stroke:{ground}}}"
    for look, (inside, edge, words) in ((k, v) for k, v in PALETTES[theme].items() if k != "page"):
        yield f".{look} .tile{{fill:{inside};stroke:{edge}}}.{look} text{{fill:{words}}}"
        yield f".{look} .disc{{fill:{edge};stroke:{edge}}}.p-{look}{{fill:{edge}}}"
        yield f".{look}.notice{{fill:{words}}}"
    done = PALETTES[theme]["done"][1]
    yield f".waiting .disc{{fill:none}}.edge.done{{stroke:{done}}}.arrow.done{{fill:{done}}}"


def _head(saga: Saga, width: float) -> Iterator[str]:
    room = int((width - 2 * MARGIN) / 9.5)
    yield f'<text class="title" x="{MARGIN}" y="34">{_text(_short(_name(saga), room))}</text>'
    yield f'<text class="quiet" x="{MARGIN}" y="53">{_text(_standing(saga))}</text>'
    if notice := _notice(saga):
        words = _short(notice, int((width - 2 * MARGIN) / 5.8))
        yield f'<text class="failed notice" x="{MARGIN}" y="70">{_text(words)}</text>'


def _edges(layout: Layout, tiles: dict[str, Tile]) -> Iterator[str]:
    for (one, other), lanes in layout.lanes.items():
        row = layout.at[one][1]
        taken = tiles[one].look in ("done", "skipped") and tiles[other].look != "waiting"
        kind = " done" if taken else ""
        yield f'<path class="edge{kind}" d="{"".join(_curve(lanes, row))}"/>'
        x, y = lanes[-1], (row + len(lanes) - 1) * (TALL + BETWEEN)
        yield f'<path class="arrow{kind}" d="M{_n(x)} {_n(y)}l-4-7h8z"/>'


def _curve(lanes: tuple[float, ...], row: int) -> Iterator[str]:
    """Down from the foot of a node, straight past each layer, to the head of another."""
    y = row * (TALL + BETWEEN) + TALL
    yield f"M{_n(lanes[0])} {_n(y)}"
    for number, x in enumerate(lanes[1:], 2):
        is_last = number == len(lanes)
        below, middle = y + BETWEEN - (6 if is_last else 0), y + BETWEEN / 2
        before = lanes[number - 2]
        yield f"C{_n(before)} {_n(middle)} {_n(x)} {_n(middle)} {_n(x)} {_n(below)}"
        if not is_last:
            yield f"V{_n(below + TALL)}"
        y += TALL + BETWEEN


def _drawn(tile: Tile, x: float, row: int) -> str:
    left, top = x - NODE / 2, row * (TALL + BETWEEN)
    parts = "".join(_segments(tile.parts))
    shape = HEXAGON if tile.is_question else f'<rect width="{NODE}" height="{TALL}" rx="9"'
    lift = 3 if parts else 0
    return (
        f'<g class="{tile.look}" transform="translate({_n(left)} {_n(top)})">'
        f'<title>{_text(_told(tile))}</title>{shape} class="tile"/>'
        f"{_sign(tile.look, 25, TALL / 2 - lift)}"
        f'<text class="name" x="42" y="{21 - lift}">{_text(tile.title)}</text>'
        f'<text class="aside" x="{NODE - 14}" y="{21 - lift}">{_text(tile.aside)}</text>'
        f'<text x="42" y="{37 - lift}">{_text(_short(tile.told, LONGEST))}</text>{parts}</g>'
    )


def _told(tile: Tile) -> str:
    return f"{tile.title.rstrip('?')}: {WORDS[tile.look]} ({_joined(tile.told, tile.aside)})."


def _sign(look: Look, x: float, y: float) -> str:
    return (
        f'<g transform="translate({_n(x)} {_n(y)})"><circle class="disc" r="8.5"/>'
        f'<path class="mark" d="{MARKS[look]}"/></g>'
    )


def _segments(parts: tuple[Part, ...]) -> Iterator[str]:
    """A bar with a piece for each part, in their order."""
    looks = {"open": "running", "retry": "asked", "done": "done", "failed": "failed"}
    whole = NODE - 42 - 14
    step = whole / max(len(parts), 1)
    space = min(2.0, step / 4)
    for number, part in enumerate(parts):
        yield (
            f'<rect class="p-{looks.get(part.state, "waiting")}" x="{_n(42 + number * step)}" '
            f'y="{TALL - 9}" width="{_n(step - space)}" height="4" rx="1"/>'
        )


def _legend(width: float, height: float) -> Iterator[str]:
    step = (width - 2 * MARGIN) / len(WORDS)
    for number, (look, word) in enumerate(WORDS.items()):
        x = MARGIN + number * step
        yield (
            f'<g class="{look}" transform="translate({_n(x)} {_n(height - 22)})">'
            f'<g transform="scale(.8)">{_sign(look, 9, 0)}</g></g>'
            f'<text class="quiet" x="{_n(x + 19)}" y="{_n(height - 18)}">{word}</text>'
        )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _text(text: str) -> str:
    """Safe between tags: no markup, no control characters."""
    return escape("".join(c if c.isprintable() else " " for c in text), quote=False)


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


# --- Mermaid ------------------------------------------------------------------------------------


def _mermaid_node(node: Node, asked: set[str]) -> str:
    title = node.name.replace("_", " ").capitalize()
    match node:
        case Phase():
            return f'    {node.name}("{title}<br/><small>{_agent(node.agent)}</small>")'
        case Question():
            who = "you decide" if node.name in asked else "the plan decides"
            return f'    {node.name}{{{{"{title}<br/><small>{who}</small>"}}}}'


if __name__ == "__main__":
    place_ = Path(sys.argv[1])
    place_.write_text(with_plans(place_.read_text()))
