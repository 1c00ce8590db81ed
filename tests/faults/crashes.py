"""What a crash between two lines costs; `python -m tests.faults.crashes` writes it down.

The places are read from the code, so that infra/docs/crashes.md speaks of the failpoints there are.
"""

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "orchestrator-service/src/orchestrator_service"
PAGE: Final = ROOT / "infra/docs/crashes.md"
FUNCTION: Final = re.compile(r"^ *(?:async )?def (\w+)")
REACH: Final = re.compile(r"failpoints\.reach\(\"(\w+)\"")


@dataclass(frozen=True)
class Crash:
    """What becomes of a journal whose orchestrator dies at a point."""

    between: str
    lost: str
    repeated: str
    shown: str


CRASHES: Final = {
    "after_consume": Crash(
        "an answer was heard; nothing is done with it yet",
        "nothing: the broker still has the answer",
        "the answer is delivered to another replica",
        "nothing; the journal goes on a moment later",
    ),
    "before_sql": Crash(
        "the new state is found; it is not written yet",
        "the new state, which was only in memory",
        "the answer is delivered again and folded again, on the same row",
        "nothing; no event has left yet",
    ),
    "after_commit": Crash(
        "state, history, deadline and letters are committed; no letter has left",
        "nothing: state, history and letters are one commit",
        "the answer is delivered again and found to be late; the letters are swept up and sent by"
        " another replica when their hold of 5 s is over",
        "events come up to 6 s late",
    ),
    "after_publish": Crash(
        "the broker has the letters; their rows still say that they leave",
        "nothing: the broker has the letters",
        "the letters are swept up and sent once more: events are known by their `n`, commands by"
        " their step, whose paid calls are kept",
        "nothing",
    ),
    "before_ack": Crash(
        "all is done; the answer is not acked yet",
        "nothing",
        "the answer is delivered again and found to be late",
        "nothing",
    ),
}
POINTS: Final = tuple(CRASHES)


def places() -> Iterator[tuple[str, str]]:
    """Each failpoint in the code: its name, and the function that comes to it."""
    for file in sorted(SOURCES.rglob("*.py")):
        function = ""
        for line in file.read_text().splitlines():
            if named := FUNCTION.search(line):
                function = named[1]
            if found := REACH.search(line):
                yield found[1], f"{file.relative_to(SOURCES)}: {function}"


def page() -> str:
    """The whole page."""
    rows = []
    for point, place in sorted(places(), key=lambda row: POINTS.index(row[0])):
        crash = CRASHES[point]
        told = (f"`{point}`", f"`{place}`", *astuple(crash))
        rows.append(f"| {' | '.join(told)} |")
    return "\n".join(
        (
            "# A crash between two lines",
            "",
            "`make faults` kills an orchestrator at each of these points, for each phase, and then"
            " asks every invariant of",
            "`tests/faults/invariants.sql`. This page is generated from the points in the code:"
            " `python -m tests.faults.crashes`.",
            "",
            "| point | where | between | lost | repeated | what the user sees |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "A worker that dies in a call to a model is the one case that may cost money twice: the"
            " reply was under way and not",
            "kept. The next worker makes the call again, and the ledger counts the first as"
            " *possibly charged* (`paid_call.lost`).",
            "",
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page())
