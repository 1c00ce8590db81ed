"""`journalcraft dlq`, typed at a platform that plays three dead letters."""

import io
import json
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from journal_contracts.operating import DeadLetterChoice, DeadLetterDetail
from journalcraft.tables import table_on

from .conftest import NOON, FakePlatform


def letter(number: int, **changes: Any) -> DeadLetterDetail:
    told = {
        "id": UUID(int=number),
        "service": "media-service",
        "queue": "q",
        "name": "media.asset.register.v1",
        "journal_id": UUID(int=7),
        "reason": "out_of_tries",
        "error": "LookupError",
        "tries": 5,
        "redrives": 0,
        "first_seen": NOON,
        "bytes": 12,
        "sha256": "ab" * 32,
        "body": {"phase": "delivery", "theme": "…(7 characters)"},
    }
    return DeadLetterDetail.model_validate({**told, **changes})


@pytest.fixture(autouse=True)
def dead(fake_platform: FakePlatform) -> list[DeadLetterDetail]:
    fake_platform.dead = [letter(1), letter(2, service="agent-workers"), letter(3, body=None)]
    return fake_platform.dead


async def test_list_shows_all_pages_up_to_a_limit(typed: Any) -> None:
    everything = await typed("dlq", "list")
    two = await typed("dlq", "list", "--limit", "2")
    some = await typed("dlq", "list", "--service", "agent-workers", "--json")

    header, *rows = everything.rows
    assert everything.code == 0
    assert header == ["id", "since", "service", "message", "reason", "redrives"]
    assert [row[0] for row in rows] == [str(UUID(int=n)) for n in (1, 2, 3)]
    assert rows[0][2:] == ["media-service", "media.asset.register.v1", "out_of_tries", "0"]
    assert len(two.rows) == 3
    assert json.loads(some.told)["id"] == str(UUID(int=2))


async def test_an_empty_list_says_so(typed: Any, dead: list[DeadLetterDetail]) -> None:
    dead.clear()

    assert (await typed("dlq", "list")).told == "There are no dead letters.\n"


async def test_show_tells_everything_but_what_people_wrote(typed: Any) -> None:
    readable = await typed("dlq", "show", str(UUID(int=1)))
    unreadable = await typed("dlq", "show", str(UUID(int=3)))

    assert ["reason", "out_of_tries"] in readable.rows
    assert ["sha256", "ab" * 32] in readable.rows
    assert '"theme": "…(7 characters)"' in readable.told
    assert "Its body is not shown" in unreadable.told


async def test_one_or_a_class_is_sent_back(fake_platform: FakePlatform, typed: Any) -> None:
    one = await typed("dlq", "redrive", str(UUID(int=1)))
    fake_platform.stuck = 1
    some = await typed("dlq", "redrive", "--service", "media-service", "--reason", "unreadable")

    assert (one.code, one.told) == (0, "3 letters were sent back.\n")
    assert some.code == 1
    assert some.told == "2 letters were sent back; 1 could not be and still lie there.\n"
    kind = DeadLetterChoice(service="media-service", reason="unreadable")
    assert fake_platform.chosen == [
        ("redrive", DeadLetterChoice(id=UUID(int=1))),
        ("redrive", kind),
    ]


async def test_nothing_is_dropped_unless_that_is_meant(
    fake_platform: FakePlatform, typed: Any
) -> None:
    doubtful = await typed("dlq", "drop", "--reason", "unreadable", answer="n\n")
    before = list(fake_platform.chosen)
    sure = await typed("dlq", "drop", "--reason", "unreadable", answer="y\n")

    assert (doubtful.code, before) == (1, [])
    assert sure.code == 0
    assert sure.told.endswith("3 letters were dropped.\n")
    assert fake_platform.chosen == [("drop", DeadLetterChoice(reason="unreadable"))]


@pytest.mark.parametrize("what", ["redrive", "drop"])
@pytest.mark.parametrize("which", [[], [str(UUID(int=1)), "--service", "x"]])
async def test_one_says_which_letters_one_means(
    fake_platform: FakePlatform, typed: Any, what: str, which: list[str]
) -> None:
    refused = await typed("dlq", what, *which)

    assert refused.code == 2
    assert "Which letters? Value error, say either an id, or at least one of" in refused.told
    assert fake_platform.chosen == []


async def test_a_letter_that_is_gone_is_told_as_such(
    typed: Any, dead: list[DeadLetterDetail]
) -> None:
    dead.clear()

    gone = await typed("dlq", "redrive", str(UUID(int=1)))

    assert (gone.code, gone.told) == (2, "There is none. (not_found)\n")


def test_a_table_shows_what_it_was_given_and_obeys_none_of_it() -> None:
    screen = io.StringIO()
    rows = [("[red]a[/red]", 1, None), ("b\x1b[2J\tc\n", 22.25, True)]

    table_on(Console(file=screen, force_terminal=True, width=60), ("x", "number", ""), rows)
    drawn = screen.getvalue()
    plain = io.StringIO()
    table_on(Console(file=plain, force_terminal=False), ("x", "number", ""), rows)

    assert "[red]a[/red]" in drawn
    assert "\x1b[2J" not in drawn
    assert plain.getvalue().splitlines()[1:] == [
        "[red]a[/red]\t1\t",
        "b [2J c \t22.2\tyes",
    ]


def test_an_id_stays_whole_however_narrow_the_terminal_is() -> None:
    screen = io.StringIO()
    id_ = UUID(int=2**100 + 7)

    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    table_on(console, ("id", "message", "reason"), [(id_, "media.asset.register.v1" * 2, "x" * 60)])

    assert str(id_) in screen.getvalue()
    assert screen.getvalue().count("x") == 60
