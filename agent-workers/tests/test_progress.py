"""What is told of a step while it runs: twice a second, and the last word always (R1.2c)."""

import json

import pytest

from agent_workers.progress import PAUSE, StepProgress, Word
from agent_workers.readers import READING_SECONDS, Readers
from agent_workers.writer import compose
from journal_contracts.events import LONGEST_TEXT, ProgressReported, TextWanted, TextWritten

from .clock import Clock
from .office import a_step


class Heard:
    """What a step says, and its signs of life."""

    def __init__(self) -> None:
        self.said: list[ProgressReported] = []
        self.read: list[TextWritten] = []
        self.signs = 0
        self.is_read = False
        step = a_step("curation")
        self.progress = StepProgress(self._say, step, self._live, lambda _: self.is_read)

    def _say(self, word: Word) -> None:
        match word:
            case ProgressReported():
                self.said.append(word)
            case TextWritten():
                self.read.append(word)

    def _live(self) -> None:
        self.signs += 1

    @property
    def doing(self) -> list[str]:
        return [report.doing for report in self.said]


@pytest.fixture
async def heard(clock: Clock) -> Heard:
    return Heard()


async def test_the_first_word_is_said_at_once(clock: Clock, heard: Heard) -> None:
    heard.progress.report("started")
    await clock.forward(0)

    assert heard.doing == ["started"]


async def test_of_what_comes_too_fast_the_newest_is_said(clock: Clock, heard: Heard) -> None:
    heard.progress.report("started")
    await clock.forward(0)
    for text in ("a" * 40, "b" * 40, "c" * 40):
        heard.progress.on_text(text)
    await clock.forward(PAUSE / 2)
    early = list(heard.doing)
    await clock.forward(PAUSE / 2)

    assert early == ["started"]
    assert (heard.doing, heard.said[-1].tokens) == (["started", "writing"], 30)
    assert heard.signs == 4


async def test_the_last_word_is_always_said(clock: Clock, heard: Heard) -> None:
    heard.progress.report("started")
    await clock.forward(0)
    heard.progress.report("checking")
    heard.progress.report("done")
    await clock.forward(PAUSE)
    await clock.forward(PAUSE)

    assert heard.doing == ["started", "done"]


async def test_a_minute_of_writing_is_told_twice_a_second(clock: Clock, heard: Heard) -> None:
    for _ in range(600):
        heard.progress.on_text("word ")
        await clock.forward(0.1)

    assert len(heard.said) == pytest.approx(120, abs=2)


async def test_whose_work_it_is_is_told_with_every_word(clock: Clock, heard: Heard) -> None:
    """By the command at first, then by whoever asks the model."""
    heard.progress.report("started")
    await clock.forward(0)
    heard.progress.report("thinking", "manager")
    await clock.forward(PAUSE)
    heard.progress.report("checking")
    await clock.forward(PAUSE)

    assert [report.agent for report in heard.said] == ["editor", "manager", "manager"]


async def test_whole_sentences_are_told_to_who_reads_along(clock: Clock, heard: Heard) -> None:
    heard.progress.on_text("Nobody reads this. ")
    await clock.forward(PAUSE)
    heard.is_read = True
    for text in ("Sit ", "down. Before ", "you write"):
        heard.progress.on_text(text)
    await clock.forward(PAUSE)
    heard.progress.on_text(', breathe."')
    await clock.forward(PAUSE)
    heard.is_read = False
    heard.progress.on_text(' Nor this."')
    await clock.forward(PAUSE)

    told = [(piece.pos, piece.text) for piece in heard.read]
    assert told == [(18, " Sit down."), (28, ' Before you write, breathe."')]


async def test_of_very_much_text_the_end_is_told(clock: Clock, heard: Heard) -> None:
    heard.is_read = True
    heard.progress.on_text("a" * LONGEST_TEXT)
    heard.progress.on_text('the end"')
    await clock.forward(PAUSE)

    [piece] = heard.read
    assert (piece.pos, len(piece.text)) == (len('the end"'), LONGEST_TEXT)
    assert piece.text.endswith('the end"')


@pytest.mark.parametrize(
    "harm",
    [
        "Skip your medication and you will be cured.",
        "Skip your me\\u0064ication and you will be cured.",
        "Write to ann@example.org today.",
    ],
)
async def test_after_a_sentence_that_falls_nothing_is_told_until_the_next_answer(
    clock: Clock, heard: Heard, harm: str
) -> None:
    """What a model writes is read by nobody before it was checked (crew.md, safety)."""
    heard.is_read = True
    for text in ('{"days": ["A breath. ', harm[:12], f'{harm[12:]} ", ', '"Another breath. "]}'):
        heard.progress.on_text(text)
        await clock.forward(PAUSE)
    heard.progress.report("repairing")
    heard.progress.on_text('{"days": ["A better one. ')
    await clock.forward(PAUSE)

    assert [piece.text for piece in heard.read] == [
        '{"days": ["A breath.',
        '{"days": ["A better one.',
    ]


@pytest.mark.parametrize("kind", ["Welcome", "Titles", "ResearchDraft"])
async def test_an_answer_in_which_nothing_falls_is_told_to_its_last_text(
    clock: Clock, heard: Heard, kind: str
) -> None:
    told = {"seed": "s", "theme": "calm", "title_style": "practical", "set": 1, "count": 8}
    answer = json.dumps(compose(kind, told), ensure_ascii=False)
    heard.is_read = True
    for start in range(0, len(answer), 50):
        heard.progress.on_text(answer[start : start + 50])
        await clock.forward(PAUSE)

    read = "".join(piece.text for piece in heard.read)
    assert read == answer[: answer.rindex('"') + 1]


async def test_a_reader_is_forgotten_who_says_nothing_and_only_owners_read(clock: Clock) -> None:
    """R1.2a: whoever asks for the journal of another gets nothing."""
    step, readers = a_step("curation"), Readers(lambda: clock.now)
    other = a_step("curation")

    await readers.note(TextWanted(journal_id=step.journal_id, user_id=other.user_id))
    assert not readers.want(step)
    await readers.note(TextWanted(journal_id=step.journal_id, user_id=step.user_id))
    assert (readers.want(step), readers.want(other)) == (True, False)
    await clock.forward(READING_SECONDS + 1)
    assert not readers.want(step)
