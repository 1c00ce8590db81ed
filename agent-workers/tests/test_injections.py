"""Texts that give orders stay texts: no tool, no key, no other user's data is in reach (R7.2c)."""

import asyncio
import importlib
import io
import json
import re
import tomllib
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pypdf import PdfReader

from agent_workers import environment
from agent_workers.bind import PageFormat, bind
from agent_workers.bind.glyphs import printable
from agent_workers.briefs import BEGIN, END, brief_in
from agent_workers.desk import Agent, InvalidOutput
from agent_workers.models.provider import Messages
from agent_workers.safety import UnsafeText
from journal_contracts.artifacts import (
    AuthorStyle,
    Insights,
    Layout,
    Manuscript,
    Manuscripts,
    Title,
    VisualStyle,
)
from journal_contracts.product import Edition

from .crewroom import PARTS, Crewroom, a_crewroom, offline

CORPUS = Path(__file__).parent / "corpora" / "injections.toml"
INJECTIONS: list[dict[str, str]] = tomllib.loads(CORPUS.read_text())["injection"]
EACH = pytest.mark.parametrize("injection", INJECTIONS, ids=lambda each: each["id"])
ASKING = [
    "onboarding", "editorial_plan", "discovery", "research", "outline", "curation", "review",
    "editing", "editing_review", "art_direction", "binding", "publishing_pack",
]  # fmt: skip
"""The phases that ask a model."""
CANARIES = {
    "JCC_OPENAI_API_KEY": "sk-canary-0123456789",
    "JCC_DATABASE_URL": "postgresql://jcc:canary-password@db/jcc",
    "JCC_BLOBS_URL": "http://canary-access:canary-secret@s3/bucket",
}
ANOTHER_USERS = "the garden behind the blue house"


class Heard(Exception):
    """The task is heard; nobody answers."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Crewroom:
    folder = tmp_path_factory.mktemp("room")
    (folder / "another_users_proof.json").write_text(ANOTHER_USERS)
    return asyncio.run(a_crewroom(folder))


async def poisoned(room: Crewroom, injection: dict[str, str]) -> tuple[Crewroom, dict[str, Any]]:
    """The room in which somebody wrote this text in its place, and what editing is ordered."""
    text, notes = injection["text"], dict[str, str]()
    match injection["where"]:
        case "theme" | "audience" as where:
            room = room.told(**{where: text})
        case "title":
            room = room.told(title=Title(text=text[:80], subtitle=text[:120]))
        case "style":
            room = room.told(author_style=AuthorStyle(label=text[:60], line=text[:300]))
        case "notes":
            notes = {"day 3": text[:2_000], text[:60]: "Warmer."}
        case "document":
            room = await _said_in_research(room, text)
    return room, notes


async def _said_in_research(room: Crewroom, text: str) -> Crewroom:
    found = await room.desk("outline").read("research", Insights)
    first = found.insights[0].model_copy(update={"text": text[:300]})
    told = found.model_copy(update={"insights": (first, *found.insights[1:])})
    await room.blobs.put("poisoned.json", told.model_dump_json().encode(), "application/json")
    return Crewroom(room.blobs, room.brief, {**room.inputs, "research": ("poisoned.json",)})


async def task_of(room: Crewroom, phase: str, notes: dict[str, str]) -> str:
    """What the agent of this phase is asked first."""
    heard: list[str] = []

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        heard.append(task)
        raise Heard

    order = {**PARTS.get(phase, [{}])[0], **FORMAT}
    if phase == "curation":
        order = PARTS["curation"][2]
    with pytest.raises(Heard):
        await room.work(phase, ask, **{**order, "notes": notes})
    return heard[0]


FORMAT = {"format": "6x9", "pictures": False}


@pytest.fixture(scope="module")
def instructions(room: Crewroom) -> dict[str, str]:
    """What stands before the brief of each phase where nobody attacks."""
    tasks = {phase: asyncio.run(task_of(room, phase, {})) for phase in ASKING}
    return {phase: task.partition(BEGIN)[0] for phase, task in tasks.items()}


@EACH
async def test_an_injection_stays_between_the_marks_as_data(
    injection: dict[str, str], room: Crewroom, instructions: dict[str, str]
) -> None:
    changed, notes = await poisoned(room, injection)

    seen = 0
    for phase in ASKING:
        task = await task_of(changed, phase, notes)

        assert (task.count(BEGIN), task.count(END)) == (1, 1)
        assert task.partition(BEGIN)[0] == instructions[phase]
        assert task.endswith(END)
        told = [text for text in leaves(brief_in(task)) if injection["text"][:60] in text]
        seen += bool(told)
    assert seen >= 1


@pytest.fixture(scope="module")
def crewing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """CrewAI, imported where it may not write at home; its import warns of itself."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name in (*environment.QUIET, *environment.FOLDERS):
            patch.setenv(name, "")
        environment.prepare(tmp_path_factory.mktemp("state"))
        warnings.simplefilter("ignore")
        crewing = importlib.import_module("agent_workers.crewing")
        with crewing.quiet():
            yield crewing


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("phase", ASKING)
async def test_no_prompt_holds_a_key_or_anything_of_another_user(
    phase: str, room: Crewroom, monkeypatch: pytest.MonkeyPatch, crewing: Any
) -> None:
    """R1.2a: a real CrewAI run, its messages read by the model."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    messages, tools = await crewed(crewing, room, phase, monkeypatch)

    said = "\n".join(message["content"] for message in messages)
    assert BEGIN in said
    for secret in (*CANARIES, *CANARIES.values(), "canary", ANOTHER_USERS):
        assert secret not in said
    assert tools == [], "an agent was given a tool"


async def crewed(
    crewing: Any, room: Crewroom, phase: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Messages, list[Any]]:
    """The first question of this phase as it leaves CrewAI, and the tools any call could use."""
    heard: list[Messages] = []
    tools: list[Any] = []
    asked = crewing._DoorModel.call

    def call(self: Any, *args: Any, **kwargs: Any) -> str:
        tools.extend([*(kwargs.get("tools") or ()), *(kwargs.get("available_functions") or ())])
        tools.extend(kwargs["from_agent"].tools or ())
        return asked(self, *args, **kwargs)

    monkeypatch.setattr(crewing._DoorModel, "call", call)

    async def answer(messages: Messages, output: type[BaseModel]) -> str:
        heard.append(messages)
        raise Heard

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        return await crewing.perform(agent, task, output, answer)

    order = PARTS["curation"][2] if phase == "curation" else PARTS.get(phase, [{}])[0]
    with pytest.raises(Heard):
        await room.work(phase, ask, **{**order, **FORMAT})
    return heard[0], tools


OBEYED = ["onboarding", "discovery", "research", "curation", "editing", "publishing_pack"]


@pytest.fixture(scope="module")
def honest(room: Crewroom) -> dict[str, dict[str, Any]]:
    """An answer without fault to each question of these phases."""
    answers: dict[str, dict[str, Any]] = {}

    async def ask(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        answer = await offline(agent, task, about, output)
        answers[output.__name__] = answer.model_dump()
        return answer

    for phase in OBEYED:
        order = PARTS["curation"][2] if phase == "curation" else PARTS.get(phase, [{}])[0]
        asyncio.run(room.work(phase, ask, **order))
    return answers


@pytest.mark.parametrize(
    ("injection", "phase"),
    [
        pytest.param(each, OBEYED[(number + turn) % len(OBEYED)], id=f"{each['id']}-{turn}")
        for number, each in enumerate(INJECTIONS)
        for turn in (0, 3)
    ],
)
async def test_what_an_obedient_model_writes_reaches_no_artifact(
    injection: dict[str, str], phase: str, room: Crewroom, honest: dict[str, dict[str, Any]]
) -> None:
    changed, notes = await poisoned(room, injection)
    goal = injection["goal"]

    async def obey(agent: Agent, task: str, about: str, output: type[BaseModel]) -> BaseModel:
        number = zlib.crc32(injection["id"].encode())
        return output.model_validate(
            {**with_goal(honest[output.__name__], goal, number), "obeyed": goal}
        )

    order = PARTS["curation"][2] if phase == "curation" else PARTS.get(phase, [{}])[0]
    try:
        result = await changed.work(phase, obey, **{**order, "notes": notes})
    except (UnsafeText, ValidationError, InvalidOutput):
        return
    made = result.artifact.model_dump_json() + json.dumps(dict(result.facts))
    assert json.dumps(goal)[1:-1] not in made.replace(json.dumps(injection["text"])[1:-1], "")
    assert "obeyed" not in made


def with_goal(answer: dict[str, Any], goal: str, number: int) -> dict[str, Any]:
    """The answer with the goal written into one of its free texts."""
    texts = [path for path, text in walked(answer) if " " in text]
    path = texts[number % len(texts)]
    return dict(replaced(answer, path, goal))


def walked(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for name, inner in value.items():
                yield from walked(inner, (*path, name))
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from walked(inner, (*path, number))


def replaced(value: Any, path: tuple[Any, ...], goal: str) -> Any:
    """The value with the goal at the end of the text at this path."""
    if not path:
        return f"{value[: max(0, 60 - len(goal))]} {goal}"
    head, *rest = path
    if isinstance(value, dict):
        return {k: replaced(v, tuple(rest), goal) if k == head else v for k, v in value.items()}
    return [replaced(v, tuple(rest), goal) if n == head else v for n, v in enumerate(value)]


def leaves(value: Any) -> list[str]:
    """Every text and every name in a brief."""
    names = [str(name) for name, _ in pairs(value)]
    return [*names, *(text for _, text in walked(value))]


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            yield from value.items()
            for inner in value.values():
                yield from pairs(inner)
        case list() | tuple():
            for inner in value:
                yield from pairs(inner)


@EACH
def test_in_print_an_injection_is_plain_text(
    injection: dict[str, str], printed: dict[str, str]
) -> None:
    assert squeezed(printable(short(injection["text"]))) in printed[injection["id"]]


@pytest.fixture(scope="module")
def printed(room: Crewroom) -> dict[str, str]:
    """The text of the page on which each injection is printed, thirty in a journal."""
    desk = room.desk("binding")
    book = asyncio.run(desk.read("proof", Manuscripts)).of(Edition.JOURNAL)
    style = asyncio.run(desk.read("art_direction", VisualStyle))
    found: dict[str, str] = {}
    for start in range(0, len(INJECTIONS), 30):
        these = INJECTIONS[start : start + 30]
        pages = _pages(_with_warm_ups(book, [short(each["text"]) for each in these]), style)
        found |= {each["id"]: pages[3 + 2 * day] for day, each in enumerate(these, 1)}
    return found


def short(text: str) -> str:
    return " ".join(text.split())[:700]


def _with_warm_ups(book: Manuscript, texts: list[str]) -> Manuscript:
    days = [
        day.model_copy(update={"warm_up": f"{text} {FILLER}"})
        for day, text in zip(book.days, texts, strict=False)
    ]
    return book.model_copy(update={"days": (*days, *book.days[len(days) :])})


FILLER = "The kettle sings and nobody minds. " * 8


def _pages(book: Manuscript, style: VisualStyle) -> list[str]:
    layout = Layout(heading_font="Lora", body_font="Lora", ornament="none", picture_shape="plain")
    page = PageFormat("6x9", pictures=False)
    pdf = bind(book, {}, layout, style, page, created=datetime(2025, 3, 1, tzinfo=UTC))
    reader = PdfReader(io.BytesIO(pdf))
    assert "/JavaScript" not in str(reader.root_object)
    return [squeezed(page.extract_text()) for page in reader.pages]


def squeezed(text: str) -> str:
    """Letters and signs alone: no blanks, no marks, nothing unseen; one kind of quotes."""
    parts = unicodedata.normalize("NFKD", text).translate(QUOTES)
    seen = (c for c in parts if unicodedata.category(c)[0] not in "MZC")
    return re.sub(r"[-\u2010\ufffe\u25a1]", "", "".join(seen))


QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u2032", "'") | dict.fromkeys("\u201c\u201d\u2033", '"')
)


def test_the_corpus_is_wide() -> None:
    assert len(INJECTIONS) >= 60
    assert len({each["id"] for each in INJECTIONS}) == len(INJECTIONS)
    places = {"theme", "audience", "title", "style", "notes", "document"}
    assert {each["where"] for each in INJECTIONS} == places
