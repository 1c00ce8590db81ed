"""Each test is one attack: which were tried, which were held, and how long the longest took."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

HEAD: Final = """# Attacks

Written by `make attacks`: every attack in full size on running services; `make test` tries the
same in small. `worst` is the longest that one attack took, from its first byte to the last answer.

"""


FULL: Final = pytest.StashKey[bool]()


@dataclass
class Attack:
    """One of them."""

    group: str
    name: str
    held: bool = True
    milliseconds: float = 0.0


class Counting:
    """A pytest plugin; where it is present the attacks have their full size."""

    def __init__(self) -> None:
        self.attacks: dict[str, Attack] = {}

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[FULL] = True

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An attack that could not begin, or left a mess behind, was not held either."""
        if report.skipped:
            return
        path, _, name = report.nodeid.partition("::")
        group = Path(path).stem.removeprefix("test_")
        attack = self.attacks.setdefault(report.nodeid, Attack(group, name))
        attack.held = attack.held and report.passed
        if report.when == "call":
            attack.milliseconds = 1000 * report.duration

    def groups(self) -> dict[str, dict[str, float]]:
        """What the report tells."""
        found: dict[str, list[Attack]] = {}
        for attack in self.attacks.values():
            found.setdefault(attack.group, []).append(attack)
        return {
            group: {
                "tried": len(attacks),
                "held": sum(attack.held for attack in attacks),
                "worst_ms": round(max(attack.milliseconds for attack in attacks), 1),
            }
            for group, attacks in sorted(found.items())
        }

    def fallen(self) -> bool:
        """Whether one was not held, or none was tried."""
        return not self.attacks or not all(attack.held for attack in self.attacks.values())


def page(counting: Counting, report: Mapping[str, Any]) -> str:
    """The table for the documentation."""
    lines = ["| group | tried | held | worst |", "|---|---|---|---|"]
    for group, told in report["groups"].items():
        worst = f"{told['worst_ms'] / 1000:.2f} s"
        lines.append(f"| {group} | {told['tried']} | {told['held']} | {worst} |")
    lines += ["", f"Commit {report['commit']}, {report['machine']}.", ""]
    for group in report["groups"]:
        lines += [f"## {group}", ""]
        named = sorted(a.name for a in counting.attacks.values() if a.group == group)
        lines += [f"- {_words(name)}" for name in named] + [""]
    return HEAD + "\n".join(lines)


def _words(name: str) -> str:
    """A test's name and case as people read it."""
    what, _, case = name.removeprefix("test_").partition("[")
    return what.replace("_", " ") + (f": `{case[:-1]}`" if case else "")
