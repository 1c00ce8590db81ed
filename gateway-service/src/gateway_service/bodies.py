"""Bodies: read within a limit, as strict JSON, before anything else looks at them."""

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import Message

from chassis.errors import ServiceError
from chassis.web import body_within

BODY_LIMIT: Final = 64 * 1024
DEEPEST: Final = 32
"""Lists and objects inside each other; no request here has more than six."""
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
TOO_DEEP: Final = f"lists and objects are inside each other more than {DEEPEST} times"
TOO_LARGE: Final = f"A body has at most {BODY_LIMIT} bytes."


class BodyTooLarge(ServiceError):
    """More bytes than any request here needs."""

    status = 413


class NotStrict(ValueError):
    """JSON that two readers may read in two ways, or text that nothing can store.

    `pointer` says where, as far as that is known.
    """

    def __init__(self, why: str, pointer: tuple[str | int, ...] = ()) -> None:
        super().__init__(why)
        self.pointer = pointer


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
    """Parse; raises `NotStrict` for NaN, repeated keys, control and half characters, depth."""
    try:
        told = text if isinstance(text, str) else text.decode()
        parsed = json.loads(told, parse_constant=_refuse_number, object_pairs_hook=_unique)
    except NotStrict:
        raise
    except RecursionError as error:
        raise NotStrict(TOO_DEEP) from error
    except ValueError as error:
        raise NotStrict("this is not JSON in UTF-8") from error
    _check_texts(parsed, ())
    return parsed


def _check(body: bytes) -> None:
    try:
        strict_json(body)
    except NotStrict as error:
        problem = {"type": "not_strict", "loc": ("body", *error.pointer), "msg": str(error)}
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


def _check_texts(parsed: Any, at: tuple[str | int, ...]) -> None:
    if len(at) > DEEPEST:
        raise NotStrict(TOO_DEEP)
    match parsed:
        case str():
            _check_text(parsed, at)
        case list():
            for place, item in enumerate(parsed):
                _check_texts(item, (*at, place))
        case dict():
            for key, item in parsed.items():
                _check_text(key, at)
                _check_texts(item, (*at, key))
        case float() if not math.isfinite(parsed):
            raise NotStrict("a number is larger than any that can be stored", at)


def _check_text(text: str, at: tuple[str | int, ...]) -> None:
    if CONTROL.search(text):
        raise NotStrict("a text holds a control character", at)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotStrict("a text holds half a character", at) from error
