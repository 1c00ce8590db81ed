"""How the interface describes itself: which problems a route may answer with, and who may ask."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import Depends, Security
from fastapi.security import HTTPBearer

from chassis.identity import current_caller
from gateway_service.limits import user_has_room
from journal_contracts.api import Problem

PROBLEM: Final = {"application/problem+json": {"schema": Problem.model_json_schema()}}
signed_in: Final = [
    Security(HTTPBearer(auto_error=False, bearerFormat="JWT")),
    Depends(current_caller),
    Depends(user_has_room),
]


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems behind these statuses, for the OpenAPI document."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": PROBLEM}
        for status in statuses
    }
