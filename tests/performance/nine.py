"""saga9: nine steps in a line, and a question after the fourth; installed in one place."""

from typing import Final

from journal_contracts.decisions import Choice, Option
from journal_contracts.product import Depth, PlanName, TitleStyle
from orchestrator_service import plan
from orchestrator_service.state import Request
from orchestrator_service.table import Definition, Phase, Plan, Question

STEPS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
QUESTION: Final = "go_on"
GO: Final = Choice(option="yes")
ORDER: Final = Request("nine steps", PlanName.EXPRESS, TitleStyle.INSPIRATIONAL, Depth.LIGHT)


def install() -> None:
    """Let this process know saga9 and no other table."""
    table = Definition(
        plan.NEWEST,
        (*(Phase(name, "nobody", "writing", needs=_needs(name)) for name in STEPS), _question()),
        {PlanName.EXPRESS: Plan(frozenset(), frozenset({QUESTION}), Depth.LIGHT)},
    )
    plan.DEFINITIONS[plan.NEWEST] = table


def _needs(step: str) -> tuple[str, ...]:
    before = dict(zip(STEPS, ("", *STEPS), strict=False))[step]
    return (QUESTION,) if before == "four" else (before,) if before else ()


def _question() -> Question:
    return Question(
        QUESTION,
        needs=("four",),
        text="Go on?",
        options=lambda known: (Option(id="yes", label="Yes"),),
        default="yes",
    )
