"""The picture of a journal: nothing overlaps, everything is told in words, nothing is markup."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from journal_contracts.product import PlanName
from orchestrator_service.layout import Needs, direct, place
from orchestrator_service.picture import mermaid, svg, with_plans
from orchestrator_service.plan import DEFINITIONS, NEWEST

from .crew import Journey, failed, finished

PAGE = Path(__file__).parents[2] / "infra/docs/saga.md"
NODE, LANE, GAP = 200.0, 10.0, 20.0
SVG = "{http://www.w3.org/2000/svg}"
GRAPHS = {plan.value: DEFINITIONS[NEWEST].graphs[plan].needs for plan in PlanName}
GRAPHS["diamonds"] = {
    name: frozenset(needs.split())
    for name, needs in {
        **{"a": "", "b": "a", "c": "a", "d": "a", "e": "b c", "f": "c d", "g": "a", "z": ""},
        **{"h": "e f", "i": "g h", "j": "b d z", "k": "i j"},
    }.items()
}


@pytest.mark.parametrize("needs", GRAPHS.values(), ids=GRAPHS)
def test_no_edge_runs_through_a_node_and_no_nodes_overlap(needs: Needs) -> None:
    layout = place(needs, NODE, LANE, GAP)

    for (one, (x, row)), (other, (y, below)) in combinations(layout.at.items(), 2):
        assert row != below or abs(x - y) >= NODE + GAP - 0.01, (one, other)
    for edge, lanes in layout.lanes.items():
        for row, lane in enumerate(lanes, layout.at[edge[0]][1]):
            for name, (x, at) in layout.at.items():
                if at == row and name not in edge:
                    assert abs(lane - x) >= (NODE + LANE) / 2 + GAP - 0.01, (edge, name)
    assert all(
        NODE / 2 - 0.01 <= x <= layout.width - NODE / 2 + 0.01 for x, _ in layout.at.values()
    )


@pytest.mark.parametrize("needs", GRAPHS.values(), ids=GRAPHS)
def test_every_need_lies_above_and_every_edge_says_something(needs: Needs) -> None:
    layout = place(needs, NODE, LANE, GAP)

    for name, needed in needs.items():
        assert all(layout.at[need][1] < layout.at[name][1] for need in needed)
    edges = direct(needs)
    assert set(layout.lanes) == set(edges)
    for edge in edges:
        without = [other for other in edges if other != edge]
        assert edge[1] not in _reached(edge[0], without)
    assert all(name in _reached(need, edges) for name in needs for need in needs[name])


def test_who_is_alone_with_another_lies_right_under_it() -> None:
    layout = place(GRAPHS["standard"], NODE, LANE, GAP)

    chain = ("format", "binding", "publishing_pack", "delivery")
    assert all(
        layout.at[one][0] == pytest.approx(layout.at[other][0], abs=1)
        for one, other in pairwise(chain)
    )
    assert layout.at["discovery"][0] == pytest.approx(layout.at["title"][0], abs=3)


def test_it_is_an_image_with_a_name_and_a_description_of_every_part() -> None:
    journey = Journey.begun(PlanName.STANDARD)
    journey.work()

    root = _read(svg(journey.saga))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")

    assert root.get("role") == "img"
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "anxiety"
    told = description.text or ""
    assert told.startswith("Standard plan, ")
    assert "waiting for you" in told
    assert "Onboarding: done (Onboarding)." in told
    assert re.search(r"Author style: waits for you \(your answer is needed · until 09:15 UTC", told)
    assert "Delivery: to come (Media)." in told
    assert len(re.findall(r": [a-z ]+ \(", told)) == len(journey.saga.graph.nodes)


def test_it_shows_which_parts_of_a_fan_out_are_done() -> None:
    journey = Journey.begun(PlanName.EXPRESS)
    journey.work()
    journey.answer("title", "t2")
    journey.work(until="curation")
    for _ in range(3):
        journey.happen(finished(journey.commands.pop(0)))
    journey.happen(failed(journey.commands.pop(0), "timeout"))
    journey.happen(failed(journey.commands.pop(0), "fatal"))

    drawn = svg(journey.saga)

    count = len(journey.saga.phases["curation"].work)
    segments = re.findall(r'<rect class="p-(\w+)"', drawn)
    assert sorted(segments) == sorted(
        ["done"] * 3 + ["asked", "failed"] + ["running"] * (count - 5)
    )
    assert "<title>Curation: failed (Content Curator · 3 of 10).</title>" in drawn


def test_a_phase_that_was_left_out_and_a_trouble_are_shown() -> None:
    journey = Journey.begun(PlanName.STANDARD, unattended=True)
    journey.work(until="binding")
    journey.happen(failed(journey.commands.pop(0)))
    journey.work()
    plain = Journey.begun(PlanName.STANDARD)
    plain.finish(pictures="none")

    assert "<title>Illustration: left out (Media).</title>" in svg(plain.saga)
    assert "<title>Pictures: done (No pictures).</title>" in svg(plain.saga)
    assert "<title>Binding: failed (PDF Builder).</title>" in svg(journey.saga)


def test_what_people_type_is_never_markup() -> None:
    journey = Journey.begun(PlanName.EXPRESS, theme='</title><script>"&\u2028\x0b')
    journey.work()
    journey.answer("title", "own", text="<b>&amp;")

    root = _read(svg(journey.saga))
    before = _read(svg(Journey.begun(theme="</title><script>").saga))

    assert not [node for node in root.iter() if node.tag.endswith(("script", "b"))]
    assert root.findtext(f"{SVG}title") == "<b>&amp;"
    assert before.findtext(f"{SVG}title") == "</title><script>"


def test_it_is_readable_in_light_and_in_dark() -> None:
    drawn = svg(Journey.begun().saga)
    light, _, dark = drawn.partition("@media(prefers-color-scheme:dark)")

    for style in (light, dark):
        for look in ("waiting", "running", "done", "failed", "skipped", "asked"):
            ground = re.search(rf"\.{look} \.tile{{fill:(#\w+)", style)
            words = re.search(rf"\.{look} text{{fill:(#\w+)", style)
            assert ground, look
            assert words, look
            assert _contrast(ground[1], words[1]) >= 4.5, look


@pytest.mark.parametrize("plan", PlanName)
def test_mermaid_draws_every_node_and_every_way_back(plan: PlanName) -> None:
    graph = DEFINITIONS[NEWEST].graphs[plan]

    drawn = mermaid(plan)

    nodes = re.findall(r"^    (\w+)(?:\(|\{\{)\"", drawn, flags=re.MULTILINE)
    edges = re.findall(r"^    (\w+) --> (\w+)$", drawn, flags=re.MULTILINE)
    assert nodes == list(graph.nodes)
    assert edges == direct(graph.needs)
    assert ("draft -. changes .-> editing" in drawn) == ("draft" in graph.nodes)
    assert "title -. more .-> discovery" in drawn


def test_the_pictures_in_the_docs_are_those_of_the_table() -> None:
    page = PAGE.read_text()

    assert page.count("```mermaid") == len(PlanName)
    assert page == with_plans(page), f"run: python -m orchestrator_service.picture {PAGE}"


def _read(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - drawn by us


def _reached(name: str, edges: list[tuple[str, str]]) -> set[str]:
    found = {other for one, other in edges if one == name}
    return found.union(*(_reached(other, edges) for other in found))


def _contrast(one: str, other: str) -> float:
    """As WCAG 2 counts it."""
    lights = sorted(map(_luminance, (one, other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
