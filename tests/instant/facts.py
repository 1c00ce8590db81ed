"""What an instant crew reports: the least that the plan's questions and branches ask for."""

from typing import Any

from journal_contracts.commands import RunPhase


def facts_of(step: RunPhase) -> dict[str, Any]:
    """The facts of a step, as its agent would give them."""
    match step.phase:
        case "preflight":
            return {"model": "instant", "sample_text": True}
        case "onboarding":
            styles = [{"label": f"Style {n}", "line": "A manner."} for n in range(1, 6)]
            return {"styles": styles, "audience": "people in a hurry"}
        case "discovery":
            first = 10 * (step.order["set"] - 1)
            titles = [{"text": f"Title {first + n}", "subtitle": ""} for n in range(1, 11)]
            return {"titles": titles, "already": step.order["already"]}
        case "proof":
            return {"again": []}
        case _:
            return {}
