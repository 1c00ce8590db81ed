"""How happenings are kept in the history, and read again to see a journal as it was."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, StepFailed, StepFinished
from orchestrator_service import happenings
from orchestrator_service.happenings import Begin, Happening
from orchestrator_service.saga import advance
from orchestrator_service.state import Request, Saga

NAMES: Final[dict[type[Any], str]] = {
    happenings.Begin: "begin",
    StepFinished: "step_finished",
    StepFailed: "step_failed",
    AssetsRegistered: "assets_registered",
    AssetsWithdrawn: "assets_withdrawn",
    happenings.Answered: "answered",
    happenings.DeadlinePassed: "deadline_passed",
    happenings.Extended: "extended",
    happenings.HandedOver: "handed_over",
    happenings.Shared: "shared",
    happenings.Pause: "pause",
    happenings.Resume: "resume",
    happenings.Cancel: "cancel",
    happenings.Retry: "retry",
    happenings.Poisoned: "poisoned",
    happenings.Migrate: "migrate",
}
_KINDS: Final = {name: TypeAdapter(kind) for kind, name in NAMES.items()}
_WRITERS: Final = {kind: _KINDS[name] for kind, name in NAMES.items()}
REQUEST: Final = TypeAdapter(Request)


def written(message: Happening) -> tuple[str, str]:
    """A happening as its name and JSON."""
    kind = type(message)
    return NAMES[kind], _WRITERS[kind].dump_json(message).decode()


def read(cause: str, document: Any) -> Happening:
    """The happening of an entry."""
    happening: Happening = _KINDS[cause].validate_python(document)
    return happening


def replayed(
    journal_id: UUID, user_id: UUID, entries: Iterable[tuple[str, Any, datetime]]
) -> Saga | None:
    """The state after `entries` (cause, input, at), from the first one on; None without any."""
    saga: Saga | None = None
    for cause, document, at in entries:
        message = read(cause, document)
        if isinstance(message, Begin):
            saga = Saga(journal_id, user_id, message.request, message.version)
        assert saga is not None  # noqa: S101 - a history begins with the beginning
        saga, _ = advance(saga, message, at)
    return saga
