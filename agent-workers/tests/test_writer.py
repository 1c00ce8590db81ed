"""The offline writer: every book it writes passes every measured check (domain.md, R1.1c)."""

import itertools
import re
from collections import Counter
from typing import Any

import pytest

from agent_workers.manuscripts import NOTICE
from agent_workers.writer import UnknownTask, compose
from agent_workers.writer.edit import _where
from agent_workers.writer.frame import SECTIONS
from agent_workers.writer.order import Order
from agent_workers.writer.shelf import Essay, essays, page, pool
from agent_workers.writer.theme import Theme
from journal_contracts import checks
from journal_contracts.artifacts import (
    Day,
    EditorialPlan,
    Frame,
    ImageRequirement,
    Insights,
    Layout,
    Manuscript,
    PublishingPack,
    Title,
    Titles,
    VisualStyle,
)
from journal_contracts.product import (
    BOOKS,
    LINES_A_DAY,
    THEMES_OFFERED,
    Edition,
    TitleStyle,
    batches,
    mode_of,
    share_out,
    stage_of,
)

ODD = (
    "Journaling for Anxiety", "learning to say no", "My cat died", "ADHD & focus", "работа", "a",
    "<b>[x]</b> {y}", "x" * 200, "I want to sleep better",
)  # fmt: skip

BUS_STOP = {
    "day": 4,
    "stage": "identify",
    "mode": "act",
    "insights": [],
    "angle": "The bus stop at dawn",
    "question_kind": "noticing",
}


def brief(theme: str, seed: str = "seed", style: int = 0, **more: Any) -> dict[str, Any]:
    """What every task is told."""
    told = {
        "seed": seed, "theme": theme, "title": "Calm Pages", "subtitle": "", "audience": "adults",
        "author_style": None, "language": "en", "plan": None, "round": 0,
    }  # fmt: skip
    styles = compose("Welcome", told)["styles"]
    return {**told, "author_style": styles[style % 5], **more}


def write(theme: str, seed: str = "seed", style: int = 0, count: int = 15) -> list[checks.Book]:
    """Both books, as the agents would have them written: outline, batches, frame, edit."""
    told = brief(theme, seed, style)
    found = compose("ResearchDraft", {**told, "count": count})["insights"]
    insights = {f"i{n:02d}": {"id": f"i{n:02d}", **each} for n, each in enumerate(found, 1)}
    Insights.model_validate({"insights": list(insights.values())})
    outline = compose("OutlineDraft", {**told, "days": {e: _ordered(e, insights) for e in Edition}})
    return [_book(told, edition, outline[edition], insights) for edition in Edition]


def _ordered(edition: Edition, insights: dict[str, Any]) -> list[dict[str, Any]]:
    shares = share_out(edition, list(insights))
    return [
        {
            "day": day,
            "stage": str(stage_of(edition, day)),
            "mode": str(mode_of(day)),
            "insights": [insights[name] for name in shares[day]],
        }
        for day in range(1, BOOKS[edition].days + 1)
    ]


def _book(told: dict[str, Any], edition: Edition, ideas: Any, insights: Any) -> checks.Book:
    rows = [{**a, **b} for a, b in zip(_ordered(edition, insights), ideas, strict=True)]
    told = {**told, "edition": str(edition), "days_in_book": BOOKS[edition].days, "notes": {}}
    shares = share_out(edition, list(insights))
    days: list[Day] = []
    for run in batches(len(rows)):
        batch = [row for row in rows if row["day"] in run]
        drafts = compose("DaysDraft", {**told, "days": batch})["days"]
        edited = {d["day"]: d for d in compose("EditDraft", {**told, "days": drafts})["days"]}
        days += [_day(edition, d | edited[d["day"]], shares) for d in drafts]
    frame = compose("FrameDraft", told)
    for place in ("cover", "intro", "certificate"):
        frame[f"{place}_picture"]["id"] = f"{edition}-{place}"
    manuscript = Manuscript(
        edition=edition, title=Title(text=told["title"]), theme=told["theme"], audience="adults",
        author_style=told["author_style"], written_by="offline-writer", sample_text=True,
        notice=NOTICE, frame=Frame.model_validate(frame), days=tuple(days),
    )  # fmt: skip
    return checks.Book(manuscript, (), frozenset(insights))


def _day(edition: Edition, draft: dict[str, Any], shares: dict[int, tuple[str, ...]]) -> Day:
    day = draft["day"]
    pictures = tuple(
        ImageRequirement(id=f"{edition}-day-{day:02d}-{side}", **draft[side])
        for side in ("left", "right")
    )
    return Day(
        day=day, stage=stage_of(edition, day), mode=mode_of(day), heading=draft["heading"],
        warm_up=draft["warm_up"], question=draft["question"], lines=LINES_A_DAY,
        insight_ids=shares[day], pictures=pictures,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "theme"), list(enumerate((*THEMES_OFFERED, *ODD))))
def test_every_check_holds_on_both_books(number: int, theme: str) -> None:
    books = write(theme, f"seed {number}", style=number, count=(5, 15, 25)[number % 3])

    assert [checks.examine(book) for book in books] == [(), ()]


def test_the_two_books_of_a_journal_share_no_day() -> None:
    journal, magnet = (book.manuscript for book in write("anxiety"))

    shared = [
        checks.shared_share(one.warm_up, other.warm_up)
        for one, other in itertools.product(journal.days, magnet.days)
    ]

    assert max(shared) < 0.1
    assert not {day.question for day in journal.days} & {day.question for day in magnet.days}


def test_the_same_order_is_written_alike_and_another_one_differently() -> None:
    first, again, other = write("anxiety"), write("anxiety"), write("anxiety", "another seed")

    assert first == again
    days = zip(first[0].manuscript.days, other[0].manuscript.days, strict=True)
    assert sum(a.warm_up == b.warm_up for a, b in days) < 15


@pytest.mark.parametrize("style", TitleStyle)
def test_a_new_set_of_titles_repeats_none(style: TitleStyle) -> None:
    shown: list[str] = []
    for number in (1, 2, 3):
        told = brief("anxiety", title_style=str(style), set=number, already=list(shown))
        titles = Titles.model_validate(compose("Titles", told))
        shown += [title.text for title in titles.all]

    assert len({text.casefold() for text in shown}) == 30


def test_an_angle_of_somebody_else_is_written_about_too() -> None:
    row = {
        "day": 4,
        "stage": "identify",
        "mode": "act",
        "insights": [],
        "question_kind": "noticing",
    }
    told = brief("anxiety", edition="journal", days=[{**row, "angle": "The bus stop at dawn"}])

    [day] = compose("DaysDraft", told)["days"]

    assert 180 <= len(checks.words(day["warm_up"])) <= 220
    assert "bus stop" in day["warm_up"] + day["heading"] + day["question"]


def test_a_day_that_comes_back_is_worded_anew() -> None:
    row = {
        "day": 4,
        "stage": "identify",
        "mode": "act",
        "insights": [],
        "question_kind": "noticing",
    }
    told = brief("anxiety", edition="journal", days=[{**row, "angle": "The bus stop at dawn"}])

    first, second = (compose("DaysDraft", {**told, "round": n})["days"][0] for n in (0, 1))

    assert first["warm_up"] != second["warm_up"]


@pytest.mark.parametrize(
    "text",
    [
        "To begin with, hearing it is plenty for one page.",
        "Alter the coat, and someone after you will be warmer.",
        "It shows that the fixed parts of you have moved.",
        "Write down who you are, and how tired.",
        "It is as long as it is wide.",
        "If you have a rule of that kind, underline it.",
        "Say what there is, and no more.",
    ],
)
def test_the_editor_contracts_no_verb_that_belongs_to_another_word(text: str) -> None:
    for before, _, _, place in page("house/pencil")["mend"]:
        if place in {"being", "having", "willing", "negation"}:
            assert not _where(before, place).search(text), before


def test_the_editor_never_contracts_at_the_end_of_a_clause() -> None:
    wrong = re.compile(
        r"(?:'re|'ve|'ll|'d|\bit's|there's)(?=[,.;:?!]| (?:or|and|than|as)\b)"
        r"|\b(?:\w+ing|as|than|who|what|how|of|after|with|to) (?:you|it|they)'\w+"
    )
    for theme in ("anxiety", "grief", "divorce", "Redundancy at work"):
        for book in write(theme):
            for day in book.manuscript.days:
                text = day.warm_up.replace("’", "'")
                assert not wrong.search(text), wrong.search(text)


@pytest.mark.parametrize("count", [5, 15, 25])
@pytest.mark.parametrize("theme", ["Living with grief", "anxiety", "retirement"])
def test_no_sentence_stands_twice_in_a_book(theme: str, count: int) -> None:
    for book in write(theme, count=count):
        sentences = [
            sentence
            for day in book.manuscript.days
            for sentence in re.split(r"(?<=[.!?]) ", day.warm_up)
            if len(sentence.split()) > 3
        ]

        assert [text for text, times in Counter(sentences).items() if times > 1] == []


def test_several_insights_are_told_in_sentences() -> None:
    _, magnet = write("anxiety", count=25)

    for day in magnet.manuscript.days:
        assert not re.search(
            r"(?:four|five|three) (?:things|points|lines)|: [^.]*;[^.]*;", day.warm_up
        )


@pytest.mark.parametrize(
    ("typed", "noun", "title", "pool"),
    [
        ("Journaling for Anxiety", "anxiety", "Anxiety", "anxiety"),
        ("Living with grief", "grief", "Living with Grief", "grief"),
        ("My cat died", "the loss of your cat", "The Loss of Your Cat", "grief_pet"),
        ("Losing my dog", "the loss of your dog", "Losing Your Dog", "grief_dog"),
        ("losing my mother", "the loss of your mother", "Losing Your Mother", "grief"),
        (
            "Starting again after a divorce",
            "the divorce",
            "Starting Again After a Divorce",
            "change_parting",
        ),
        ("Redundancy at work", "the redundancy", "Redundancy at Work", "change_work"),
        ("new job anxiety", "new job anxiety", "New Job Anxiety", "anxiety"),
        ("calm at www.example.com", "calm", "Calm", "anxiety"),
        ("visit example.com for grief", "grief", "Grief", "grief"),
        ("call 555 123 4567 about anxiety", "anxiety", "Anxiety", "anxiety"),
        ("weight loss", "weight loss", "Weight Loss", "goal_setting"),
        ("retirement", "retirement", "Retirement", "change"),
        (
            "my first year as a father",
            "new parenthood",
            "Your First Year as a Father",
            "change",
        ),
        ("stage fright", "stage fright", "Stage Fright", "anxiety"),
    ],
)
def test_a_theme_keeps_the_words_of_its_user(typed: str, noun: str, title: str, pool: str) -> None:
    theme = Theme.read(typed)

    assert (theme.noun, theme.title, theme.pool) == (noun, title, pool)
    assert Theme.read(theme.name) == theme


@pytest.mark.parametrize(
    ("typed", "noun", "pool"),
    [
        ("living with an eating disorder", "the eating disorder", "recovery"),
        ("eating disorder", "the eating disorder", "recovery"),
        ("Recovery from an eating disorder", "your recovery", "recovery"),
        ("anorexia recovery", "your recovery", "recovery"),
        ("depression", "depression", "recovery"),
        ("coping with chronic pain", "chronic pain", "recovery"),
        ("burnout", "burnout", "recovery"),
        ("burn-out at work", "burn-out at work", "recovery"),
        ("recovering from trauma", "your recovery", "recovery"),
        ("living with PTSD", "PTSD", "recovery"),
        ("my cancer diagnosis", "your cancer diagnosis", "recovery"),
        ("I can't sleep", "sleepless nights", "recovery"),
        ("insomnia", "sleepless nights", "recovery"),
        ("self-harm recovery", "your recovery", "recovery"),
        ("sobriety", "sobriety", "recovery_sober"),
        ("getting sober", "sobriety", "recovery_sober"),
        ("addiction recovery", "your recovery", "recovery_sober"),
        ("quitting drinking", "quitting drinking", "recovery_sober"),
    ],
)
def test_an_illness_or_a_recovery_is_no_hobby(typed: str, noun: str, pool: str) -> None:
    theme = Theme.read(typed)

    assert (theme.noun, theme.pool, theme.tender) == (noun, pool, True)


@pytest.mark.parametrize(
    ("typed", "pool"),
    [
        ("anxiety", "anxiety"),
        ("caring for a parent with dementia", "caring"),
        ("my teenage son's addiction", "caring"),
        ("grief and recovery after a loss", "grief"),
        ("healthy eating", "anything"),
    ],
)
def test_what_is_no_illness_of_the_reader_stays_where_it_was(typed: str, pool: str) -> None:
    assert Theme.read(typed).pool == pool


@pytest.mark.parametrize("seed", ["one"])
@pytest.mark.parametrize(
    "theme",
    ["living with an eating disorder", "sobriety", "depression", "chronic pain", "burnout",
     "recovering from trauma", "insomnia"],
)  # fmt: skip
def test_every_check_holds_on_a_book_about_an_illness(theme: str, seed: str) -> None:
    for style, count in enumerate((5, 15, 25)):
        books = write(theme, seed, style, count)

        assert [checks.examine(book) for book in books] == [(), ()]


@pytest.mark.parametrize("theme", ["divorce", "Redundancy at work", "becoming a mother"])
def test_a_book_names_what_it_is_about(theme: str) -> None:
    noun = Theme.read(theme).noun
    journal, magnet = (book.manuscript for book in write(theme))

    assert sum(noun in f"{day.warm_up} {day.question}" for day in journal.days) >= 10
    assert any(noun in f"{day.warm_up} {day.question}" for day in magnet.days)
    assert noun in journal.frame.commitment


def test_the_reader_speaks_of_what_is_theirs() -> None:
    journal, _ = (book.manuscript for book in write("My cat died"))

    assert "the loss of my cat" in journal.frame.commitment
    assert "your" not in journal.frame.commitment


def test_nothing_light_hearted_stands_beside_grief() -> None:
    light = re.compile("|".join(page("house/tender")["light"]), re.I)
    own = " ".join(str(text) for text in pool("grief")["scene"].values())
    for seed in ("one", "two"):
        for book in write("grief", seed):
            for day in book.manuscript.days:
                for sentence in re.split(r"(?<=[.!?]) ", day.warm_up):
                    assert sentence in own or not light.search(sentence), sentence


def test_one_word_is_a_word_and_several_are_words() -> None:
    assert Theme.read("grief").quoted == "the word grief"
    assert Theme.read("chronic pain").quoted == "the words chronic pain"


def test_a_task_nobody_taught_it_is_refused() -> None:
    with pytest.raises(UnknownTask):
        compose("Sonnet", brief("anxiety"))


@pytest.mark.parametrize("theme", ["anxiety", "gratitude", "My cat died"])
def test_looks_and_papers_fit_their_shapes(theme: str) -> None:
    told = brief(theme, sample_text=True, books=[])

    EditorialPlan.model_validate(compose("EditorialPlan", told))
    Layout.model_validate(compose("Layout", told))
    PublishingPack.model_validate(compose("PublishingPack", told))
    style = VisualStyle.model_validate(compose("VisualStyle", told))
    assert _contrast(style.ink, style.paper) >= 7
    assert _contrast(style.strong, style.paper) >= 4.5


def _contrast(dark: str, light: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05)."""
    return (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "typed",
    ["recovering from an eating disorder", "sobriety", "fertility treatment", "loneliness", "debt",
     "grief", "anxiety", "confidence for teenagers", "chronic pain", "losing a baby",
     "caring for a parent with dementia", "surviving an abusive marriage", "divorce"],
)  # fmt: skip
def test_something_may_always_stand_beside_a_sore_theme(typed: str) -> None:
    """Where every wording is barred, the bar falls away and a reader is hurt."""
    order = Order.read({"theme": typed})
    for essay in essays():
        if order.suits(essay.angle):
            parts = (essay.middle, essay.task, essay.asks, essay.headings)
            for part in (*parts, *zip(*_standing(order, essay), strict=True)):
                assert any(map(order.suits, part)), (essay.angle, part)
    for edition in Edition:
        for section in SECTIONS:
            for part in page(f"house/frame_{edition}")[section]:
                assert any(map(order.suits, part)), part


def _standing(order: Order, essay: Essay) -> list[tuple[str, str]]:
    pairs = zip(essay.opening, essay.close, strict=True)
    return [pair for pair in pairs if order.suits(*pair)]


@pytest.mark.parametrize(
    ("typed", "readers", "noun"),
    [
        ("confidence for teenagers", "teenagers", "confidence"),
        ("gratitude for busy mums", "busy mums", "gratitude"),
        ("anxiety", "", "anxiety"),
    ],
)
def test_whom_a_theme_is_for_is_no_part_of_it(typed: str, readers: str, noun: str) -> None:
    theme = Theme.read(typed)

    assert (theme.noun, theme.readers, theme.own) == (noun, readers, typed)
    audience = compose("Welcome", {"seed": "s", "theme": typed})["audience"]
    assert audience.lower().startswith(readers or "adults")


@pytest.mark.parametrize(
    ("typed", "never"),
    [
        ("confidence for teenagers", "for Confidence for"),
        ("Losing my father", "for Losing"),
        ("being made redundant", "for Being"),
    ],
)
def test_no_title_is_for_something_for_somebody_or_for_a_loss(typed: str, never: str) -> None:
    for style in TitleStyle:
        told = brief(typed, title_style=str(style), set=1, already=[])
        titles = Titles.model_validate(compose("Titles", told))
        assert len(titles.all) == 10
        assert not [each for each in titles.all if never in str(each)]


def test_where_the_reader_speaks_the_loss_is_the_readers_own() -> None:
    spoken = re.compile(r"\bI have been thinking about ([\w ]+), and\.")
    told = [
        found[1]
        for seed in ("one", "two", "three", "four")
        for book in write("losing my father", seed=seed)
        for day in book.manuscript.days
        if (found := spoken.search(day.warm_up))
    ]

    assert set(told) == {"the loss of my father"}


def test_an_insight_is_told_in_full_before_it_is_told_in_few_words() -> None:
    told = brief("sobriety")
    insights = compose("ResearchDraft", {**told, "count": 15})["insights"]
    journal, _ = (book.manuscript for book in write("sobriety"))

    for insight, day in zip(insights[:5], journal.days, strict=False):
        start = " ".join(checks.words(insight["text"])[:3])
        assert start in " ".join(checks.words(day.warm_up))
        assert start not in " ".join(checks.words(journal.days[day.day + 4].warm_up))


@pytest.mark.parametrize(
    "typed",
    ["recovering from an eating disorder", "sobriety", "fertility treatment", "debt", "anxiety",
     "chronic pain", "confidence for teenagers", "loneliness"],
)  # fmt: skip
def test_no_day_says_what_would_hurt_its_reader(typed: str) -> None:
    """Neither jokes and sums beside an illness nor bread beside an eating disorder."""
    told, order = brief(typed), Order.read({"theme": typed})
    own = str(order.pool)
    outline = compose("OutlineDraft", {**told, "days": {e: _ordered(e, {}) for e in Edition}})
    for edition in Edition:
        rows = [{**a, **b} for a, b in zip(_ordered(edition, {}), outline[edition], strict=True)]
        for day in compose("DaysDraft", {**told, "edition": edition, "days": rows})["days"]:
            for sentence in re.split(r"(?<=[.!?]) ", f"{day['warm_up']} {day['question']}"):
                assert sentence in own or order.suits(sentence), sentence


@pytest.mark.parametrize(
    "typed", ["caring for a parent with dementia", "starting a business at 50"]
)
def test_every_day_of_the_journal_is_about_its_theme(typed: str) -> None:
    order = Order.read({"theme": typed})
    scenes = [order.fill(text) for text in order.pool["scene"].values()]
    ends = {" ".join(checks.words(text)[-4:]) for text in scenes}
    journal, _ = (book.manuscript for book in write(typed, count=25))

    for day in journal.days:
        assert any(end in " ".join(checks.words(day.warm_up)) for end in ends), day.heading
