"""Where the nodes and edges of a small graph lie: layers by longest path, lanes for edges; pure.

An edge that passes a layer has a slot of its own in it, as a node has, so none runs through a node.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, pairwise
from statistics import fmean
from typing import Final

Edge = tuple[str, str]
Needs = Mapping[str, frozenset[str]]
Slot = tuple[str, str, int]
"""A place in a layer: an edge from the first to the second passes there, or lies there if they are
the same."""
Rows = list[list[Slot]]
Links = Mapping[Slot, Sequence[Slot]]
ROUNDS: Final = 60


@dataclass(frozen=True)
class Layout:
    """`at` is the middle of each node and its layer; `lanes` the middle of each edge, layer by
    layer from where it begins to where it ends."""

    at: Mapping[str, tuple[float, int]]
    lanes: Mapping[Edge, tuple[float, ...]]
    width: float
    layers: int


def place(needs: Needs, node: float, lane: float, gap: float) -> Layout:
    """Lay out the graph of who needs whom; `node`, `lane` and `gap` are widths."""
    layer = _layers(needs)
    paths = {edge: _path(edge, layer) for edge in direct(needs)}
    links = _links(layer, paths.values())
    rows = _with_few_crossings(_rows(links), links)
    half = {slot: (node if slot[0] == slot[1] else lane) / 2 for slot in links}
    x = _coordinates(rows, links, half, gap)
    left = min(x[slot] - half[slot] for slot in links)
    return Layout(
        at={name: (x[name, name, row] - left, row) for name, row in layer.items()},
        lanes={edge: tuple(x[slot] - left for slot in path) for edge, path in paths.items()},
        width=max(x[slot] + half[slot] for slot in links) - left,
        layers=len(rows),
    )


def direct(needs: Needs) -> list[Edge]:
    """The edges that say something: what is needed through another one as well is left out."""

    @cache
    def before(name: str) -> frozenset[str]:
        return needs[name].union(*(before(need) for need in needs[name]))

    return [
        (need, name)
        for name in needs
        for need in sorted(needs[name], key=list(needs).index)
        if not any(need in before(other) for other in needs[name])
    ]


def _layers(needs: Needs) -> dict[str, int]:
    @cache
    def layer(name: str) -> int:
        return max((layer(need) + 1 for need in needs[name]), default=0)

    return {name: layer(name) for name in needs}


def _path(edge: Edge, layer: Mapping[str, int]) -> list[Slot]:
    first, last = layer[edge[0]], layer[edge[1]]
    passed = ((*edge, row) for row in range(first + 1, last))
    return [(edge[0], edge[0], first), *passed, (edge[1], edge[1], last)]


def _links(layer: Mapping[str, int], paths: Iterable[list[Slot]]) -> Links:
    """Who is next to whom, upwards and downwards."""
    links: dict[Slot, list[Slot]] = {(name, name, row): [] for name, row in layer.items()}
    for one, other in chain.from_iterable(map(pairwise, paths)):
        links.setdefault(one, []).append(other)
        links.setdefault(other, []).append(one)
    return links


def _rows(links: Links) -> Rows:
    count = 1 + max(row for _, _, row in links)
    return [[slot for slot in links if slot[2] == row] for row in range(count)]


def _with_few_crossings(rows: Rows, links: Links) -> Rows:
    """Order each row by where its neighbours are, down and up again; the best order seen wins."""
    best, fewest = rows, _crossings(rows, links)
    for round_ in range(ROUNDS):
        step = 1 if round_ % 2 == 0 else -1
        rows = [list(row) for row in rows]
        for number in range(len(rows))[::step]:
            if not 0 <= number - step < len(rows):
                continue
            place = {slot: float(n) for n, slot in enumerate(rows[number - step])}
            own = {slot: float(n) for n, slot in enumerate(rows[number])}
            rows[number].sort(
                key=lambda slot, place=place, own=own: fmean(  # type: ignore[misc]
                    [place[other] for other in links[slot] if other in place] or [own[slot]]
                )
            )
        if (found := _crossings(rows, links)) < fewest:
            best, fewest = rows, found
    return best


def _crossings(rows: Rows, links: Links) -> int:
    count = 0
    for upper, lower in pairwise(rows):
        place = {slot: n for n, slot in enumerate(lower)}
        ends = [
            place[other]
            for slot in upper
            for other in sorted(links[slot], key=lambda s: place.get(s, -1))
            if other in place
        ]
        count += sum(a > b for n, b in enumerate(ends) for a in ends[:n])
    return count


def _coordinates(
    rows: Rows, links: Links, half: Mapping[Slot, float], gap: float
) -> dict[Slot, float]:
    """Draw every slot to the middle of its neighbours, as far as those beside it let it."""
    x = {slot: 0.0 for row in rows for slot in row}
    for _ in range(ROUNDS):
        for row in (*rows, *reversed(rows)):
            steps = (half[one] + gap + half[other] for one, other in pairwise(row))
            offsets = list(accumulate(steps, initial=0.0))
            wanted = [_middle(slot, x, links) for slot in row]
            settled = _rising([want - off for want, off in zip(wanted, offsets, strict=True)])
            x |= {s: y + off for s, y, off in zip(row, settled, offsets, strict=True)}
    return x


def _middle(slot: Slot, x: Mapping[Slot, float], links: Links) -> float:
    """Where a slot would like to be; who is alone with another wants to be right under it."""
    others = links[slot]
    if not others:
        return x[slot]
    return fmean([x[other] for other in others], [_pull(slot, other, links) for other in others])


def _pull(slot: Slot, other: Slot, links: Links) -> float:
    upper, lower = sorted((slot, other), key=lambda each: each[2])
    alone = (
        sum(each[2] > upper[2] for each in links[upper]) == 1
        and sum(each[2] < lower[2] for each in links[lower]) == 1
    )
    return 1_000.0 if alone else 1.0


def _rising(wanted: Sequence[float]) -> list[float]:
    """The values nearest to those wanted of which none is below the one before it."""
    pools: list[list[float]] = []
    for want in wanted:
        pools.append([want])
        while len(pools) > 1 and fmean(pools[-2]) >= fmean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return [fmean(pool) for pool in pools for _ in pool]
