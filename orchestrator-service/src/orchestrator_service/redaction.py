"""A message's body without what people wrote in it: ids, names, numbers and times stay; pure."""

import json
import math
import re
from typing import Any, Final
from uuid import UUID

NAMES: Final = frozenset(
    {
        *("phase", "part", "agent", "pool", "code", "kind", "type", "cause", "reason", "id"),
        *("plan", "depth", "title_style", "language", "edition", "format", "picture", "frame"),
        *("decision_id", "question", "option", "default", "chosen_by", "by", "status", "assets"),
        *("model", "provider", "currency", "doing"),
    }
)
"""The fields whose texts are words of ours, as long as they look like it."""
TEXTS_BY_SECTION: Final = "notes"
"""The field whose very keys are typed by people."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,59}")
KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
PLACE: Final = re.compile(r"users/[0-9a-f-]{36}/journals/[0-9a-f-]{36}/[a-z0-9_./-]{1,120}")


def parsed(body: bytes) -> dict[str, Any] | None:
    """The body as JSON; None where it is no object of it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def journal_in(body: dict[str, Any] | None, subject: str | None) -> UUID | None:
    """The journal a message is about, if its body or its subject names one."""
    for told in ((body or {}).get("journal_id"), subject):
        try:
            return UUID(told)
        except (ValueError, TypeError, AttributeError):
            continue
    return None


def shown(body: dict[str, Any] | None) -> dict[str, Any] | None:
    """What people may see of a body; None where there is none, or none that could be shown."""
    try:
        return None if body is None else {**redacted(body)}
    except RecursionError:
        return None


def redacted(value: Any, field: str = "") -> Any:
    """The same value with a length in the place of every text that may be somebody's."""
    match value:
        case str():
            return value if _is_ours(value, field) else _length(value)
        case list():
            return [redacted(item, field) for item in value]
        case dict():
            return {
                _key(key, number, field): redacted(item, key)
                for number, (key, item) in enumerate(value.items(), 1)
            }
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _is_ours(text: str, field: str) -> bool:
    if any(pattern.fullmatch(text) for pattern in (INSTANT, NUMBER, PLACE)) or _is_id(text):
        return True
    return field in NAMES and NAME.fullmatch(text) is not None


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _key(key: str, number: int, field: str) -> str:
    is_ours = field != TEXTS_BY_SECTION and KEY.fullmatch(key) is not None
    return key if is_ours else f"{number}: {_length(key)}"


def _length(text: str) -> str:
    return f"…({len(text)} characters)"
