"""Errors a caller may see: each is named for what happened, with a status and a stable code."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from chassis.telemetry import current_trace_id
from journal_contracts.api import Problem

log = structlog.get_logger()

refusals = Counter("refusals", "Problems answered with, by status and code", ["status", "code"])


class ServiceError(Exception):
    """Something that went wrong in a way the caller should be told about."""

    status: ClassVar[int] = 500
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    @property
    def code(self) -> str:
        """The class name in snake case: `DecisionAlreadyMade` is `decision_already_made`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class NotFound(ServiceError):
    """There is no such thing, or it is not the caller's: the two look the same."""

    status = 404


class Unauthorized(ServiceError):
    """No token, or one that does not hold."""

    status = 401
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(ServiceError):
    """A good token that does not allow this."""

    status = 403


class Conflict(ServiceError):
    """The thing has changed, or another answer came first."""

    status = 409


class Unavailable(ServiceError):
    """Something this answer needs is away; trying again helps."""

    status = 503
    headers = MappingProxyType({"Retry-After": "2"})


ANY_PROBLEM: Final[dict[int | str, dict[str, Any]]] = {
    kind: {
        "description": "A problem; `code` says which.",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
    for kind in ("4XX", 503)
}
"""What every route may answer besides, where its description does not say it more exactly."""


def problem(
    status: int, code: str, detail: str = "", headers: dict[str, str] | None = None, **extra: Any
) -> Response:
    """A problem document (RFC 9457), counted; extra members come after the standard ones."""
    refusals.labels(status, code).inc()
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        trace_id=current_trace_id(),
        errors=extra.pop("errors", ()),
    )
    content = _Extended.model_validate({**body.model_dump(), **extra}).model_dump_json()
    return Response(content, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""

    @app.exception_handler(ServiceError)
    async def _known(request: Request, error: ServiceError) -> Response:
        return problem(error.status, error.code, error.detail, dict(error.headers), **error.extra)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [{"pointer": _pointer(e["loc"]), "detail": e["msg"]} for e in error.errors()]
        return problem(422, "invalid_request", "The request does not fit.", errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).name.lower()
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, code, str(error.detail), headers)

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> Response:
        log.exception("request_failed", path=request.url.path)
        return problem(500, "internal_error", "Something went wrong here; it has been noted.")


class _Extended(Problem):
    model_config = ConfigDict(extra="allow")


def _pointer(location: tuple[int | str, ...]) -> str:
    """Where in the request, as a JSON pointer; never the value that was found there."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
