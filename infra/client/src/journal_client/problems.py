"""What the platform refuses, as one line that a person can act on."""

import httpx
from pydantic import ValidationError

from journal_contracts.api import Problem


class Refused(Exception):
    """The platform answered with a problem; nothing was changed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(line_of(problem))
        self.problem = problem


class Unreachable(ConnectionError):
    """The platform did not answer, again and again."""


def problem_of(answer: httpx.Response) -> Problem:
    """The problem document, or one made of the bare status if something else answered."""
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        reason = answer.reason_phrase or "Error"
        return Problem(title=reason, status=answer.status_code, code=f"http_{answer.status_code}")


def problem_in_order(error: ValidationError, detail: str = "The order does not fit.") -> Problem:
    """An order that does not fit, told as the platform would tell it."""
    errors = tuple(
        {"pointer": "".join(f"/{part}" for part in found["loc"]), "detail": found["msg"]}
        for found in error.errors()
    )
    return Problem(
        title="Unprocessable Content",
        status=422,
        code="invalid_request",
        detail=detail,
        errors=errors,
    )


def line_of(problem: Problem) -> str:
    """`The order does not fit. /theme: String should have ... (invalid_request)`"""
    places = "; ".join(
        ": ".join(filter(None, (e.get("pointer"), e.get("detail")))) for e in problem.errors
    )
    parts = (problem.detail or problem.title, places, f"({problem.code})")
    return " ".join(part for part in parts if part)
