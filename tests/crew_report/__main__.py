"""`make crew-report`: every theme in every plan, and every check asked of what was bound.

The report is `out/reports/crew.json`; the exit code is 1 if any check fell. `THEMES` and `PLANS`
choose some of them, by words of their names.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from llmock.testing import LLMockServer

from journal_contracts.product import THEMES_OFFERED, PlanName
from journalcraft.platform import Extra, Platform, start_platform
from tests import report
from tests.authoring import let_it_write

from .crafting import crafted
from .judging import Crafted, faults_of, row_of, told

AT_ONCE: Final = 4
MODELS: Final = ("offline", "llmock")
COLUMNS: Final = ("calls", "tokens", "cost", "repairs", "reviews", "seconds")


@contextlib.contextmanager
def a_platform(model: str) -> Iterator[Platform]:
    """The platform, with the offline writer or with a model behind HTTP."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crew-report-")))
        extra: Extra = {}
        if model == "llmock":
            let_it_write(stack.enter_context(pytest.MonkeyPatch.context()))
            provider = stack.enter_context(LLMockServer())
            address, key = provider.base_url("openai"), "sk-test"
            settings = {"JCC_OPENAI_BASE_URL": address, "JCC_OPENAI_API_KEY": key}
            extra = {"agent-workers": settings}
        yield stack.enter_context(start_platform(state, extra=extra))


async def all_of(
    platform: Platform, model: str, journals: Iterable[tuple[str, PlanName]]
) -> AsyncIterator[Crafted]:
    """Several side by side, each as soon as it is over."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(theme: str, plan: PlanName) -> Crafted:
        async with room:
            return await crafted(platform, model, theme, plan)

    tasks = [asyncio.create_task(one(*journal)) for journal in journals]
    for task in asyncio.as_completed(tasks):
        yield await task


async def run(themes: Sequence[str], plans: Sequence[PlanName]) -> list[Crafted]:
    """Each theme in each plan, by each model."""
    made = []
    for model in MODELS:
        with a_platform(model) as platform:
            async for journal in all_of(platform, model, product(themes, plans)):
                _tell(_line(row_of(journal)))
                made.append(journal)
    return made


def judged(journals: Sequence[Crafted]) -> int:
    """Say what fell; 1 if anything did, or if nothing was crafted at all."""
    fell = [told(journal, fault) for journal in journals for fault in faults_of(journal)]
    for line in fell:
        _tell(line)
    return 1 if fell or not journals else 0


def asked_for(names: Iterable[str], setting: str) -> list[str]:
    """All of them, or those of which the setting has a part."""
    wanted = os.environ.get(setting, "").split()
    return [name for name in names if not wanted or any(word in name for word in wanted)]


def _line(row: dict[str, Any]) -> str:
    tried = sum(check["tried"] for check in row["checks"].values())
    held = sum(check["held"] for check in row["checks"].values())
    numbers = (f"{row[name]!s:>10}" for name in COLUMNS)
    place = f"{row['model']:8}{row['theme']:16}{row['plan']:14}"
    return f"{place}{f'{held}/{tried}':>8}{''.join(numbers)}"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Craft, report, judge."""
    began = time.monotonic()
    themes = asked_for(THEMES_OFFERED, "THEMES")
    plans = [PlanName(name) for name in asked_for(PlanName, "PLANS")]
    _tell(f"{'model':8}{'theme':16}{'plan':14}{'held':>8}" + "".join(f"{c:>10}" for c in COLUMNS))
    journals = asyncio.run(run(themes, plans))
    report.write("crew", {"journals": [row_of(journal) for journal in journals]})
    _tell(f"{len(journals)} journals in {time.monotonic() - began:.0f} s")
    return judged(journals)


if __name__ == "__main__":
    sys.exit(main())
