"""Bodies: read within a limit, as strict JSON, before anything else looks at them."""

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, NoReturn

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import Message

from chassis.errors import ServiceError
from chassis.web import body_within

BODY_LIMIT: Final = 64 * 1024
TOO_LARGE: Final = f"A body has at most {BODY_LIMIT} bytes."


class BodyTooLarge(ServiceError):
    """More bytes than any request here needs."""

    status = 413


class NotStrict(ValueError):
    """JSON that two readers may read in two ways, or text that nothing can store."""


class StrictRoute(APIRoute):
    """A route whose body has a limit and is JSON that everybody reads the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def read_then_answer(request: Request) -> Response:
            body = await body_within(request, BODY_LIMIT, BodyTooLarge(TOO_LARGE))
            if body:
                _check(body)
            return await answer(Request(request.scope, _again(body, request)))

        return read_then_answer


def strict_json(text: bytes | str) -> Any:
    """Parse; raises `NotStrict` for NaN, repeated keys, NUL, half characters and great depth."""
    try:
        parsed = json.loads(text, parse_constant=_refuse_number, object_pairs_hook=_unique)
        for found in _texts(parsed):
            found.encode()
            if "\0" in found:
                raise NotStrict("a text holds NUL")
    except NotStrict:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrict("this is not JSON in UTF-8") from error
    return parsed


def _check(body: bytes) -> None:
    try:
        strict_json(body)
    except NotStrict as error:
        problem = {"type": "not_strict", "loc": ("body",), "msg": str(error)}
        raise RequestValidationError([problem]) from error


def _again(body: bytes, request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    """The body once more, for the reader behind us."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await request.receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _refuse_number(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not a number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotStrict("a key appears twice")
    return found


def _texts(parsed: Any) -> Iterator[str]:
    match parsed:
        case str():
            yield parsed
        case list():
            for item in parsed:
                yield from _texts(item)
        case dict():
            for key, item in parsed.items():
                yield key
                yield from _texts(item)
