"""The chassis knows messages, never what they are about: one ground for every service."""

import re
from pathlib import Path

CHASSIS = Path(__file__).parents[2] / "infra/chassis/src/chassis"
PRODUCT = re.compile(r"\b\w*(?:journal|phase|saga|craft|manuscript|lead.magnet|theme)\w*\b", re.I)
ALLOWED = {"journal_contracts", "phases"}


def test_the_chassis_never_mentions_a_journal() -> None:
    found = {
        f"{file.relative_to(CHASSIS)}: {word}"
        for file in CHASSIS.rglob("*.py")
        for word in PRODUCT.findall(re.sub(r'"journal-craft-crew"', "", file.read_text()))
        if word not in ALLOWED
    }

    assert found == set()
