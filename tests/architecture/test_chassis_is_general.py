"""The chassis knows messages, never what they are about: one ground for every service."""

import re
from pathlib import Path

import pytest

CHASSIS = Path(__file__).parents[2] / "infra/chassis/src/chassis"
PRODUCT = re.compile(
    r"journal|phase|saga|craft|manuscript|lead.?magnet|theme|chapter|illustrat|edition"
    r"|onboarding|\bcrew\b|\bbooks?\b|\bwriter|\bpdf\b",
    re.I,
)
ALLOWED = re.compile(
    r"^from journal_contracts\.[\w.]+ import [\w, ]+$"
    r'|^(?:ISSUER|AUDIENCE) = "journal-craft-crew"$'
    r'|env_prefix="JCC_"',
    re.M,
)


def words_of_the_product(source: str) -> list[str]:
    return PRODUCT.findall(ALLOWED.sub("", source))


def test_the_chassis_never_mentions_a_journal() -> None:
    files = sorted(CHASSIS.rglob("*.py"))
    found = {
        str(file.relative_to(CHASSIS)): words
        for file in files
        if (words := words_of_the_product(file.read_text()))
    }

    assert len(files) > 15
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "journal_id = 1",
        "class JournalMissing: ...",
        "# of a saga",
        "HeldPhase",
        "AUDIENCE = 'craft'",
    ],
)
def test_the_rule_would_see_one(line: str) -> None:
    assert words_of_the_product(line)
