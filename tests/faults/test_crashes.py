"""The page about crashes, and the fault run in small (R3.2b, R3.2c, R9.1d)."""

from tests.faults.__main__ import run, shortfalls
from tests.faults.crashes import CRASHES, PAGE, page, places


def test_the_page_is_what_the_code_says() -> None:
    assert {point for point, *_ in places()} == set(CRASHES)
    assert PAGE.read_text() == page()


async def test_a_short_run_breaks_no_promise() -> None:
    """Sixty journals, every kind of fault; `make faults` does the same with thousands."""
    facts = await run(0.03)

    assert {name: count for name, count in facts.violations.items() if count} == {}
    assert facts.broken_injectors == 0
    assert facts.journals == 60
    assert facts.faults["kill"] + facts.faults["failpoint"] > 0
    assert facts.faults["message"] > 0
    assert facts.faults["decision"] > 0


def test_a_run_that_was_too_easy_says_so() -> None:
    assert "journals" in shortfalls({}, journals=10, seconds=10.0)[0]
