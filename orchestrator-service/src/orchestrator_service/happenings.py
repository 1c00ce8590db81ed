"""What can happen to a journal: the answers of workers, and the classes here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from journal_contracts.decisions import Choice, ChosenBy
from journal_contracts.events import AssetsRegistered, AssetsWithdrawn, StepFailed, StepFinished
from journal_contracts.product import Depth, Share, TitleStyle
from orchestrator_service.state import Request


@dataclass(frozen=True)
class Begin:
    """The journal was ordered, under this version of the table."""

    request: Request
    version: int = 1


@dataclass(frozen=True)
class Answered:
    """Somebody answered a question; `answers.judge` has found that the answer counts."""

    question: str
    choice: Choice
    by: ChosenBy = "user"


@dataclass(frozen=True)
class DeadlinePassed:
    """The time has come for whatever was due.

    `sent` says since when each step's command is with the broker, under `<phase>/<part>/<attempt>`;
    None: it still waits for room. Deadlines of steps count from there.
    """

    sent: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Extended:
    """The user has more time for an open question."""

    question: str
    until: datetime


@dataclass(frozen=True)
class HandedOver:
    """Somebody else may answer an open question too."""

    question: str
    to: UUID


@dataclass(frozen=True)
class Shared:
    """These share the journal with its owner now, and nobody else does."""

    members: Mapping[UUID, Share]


@dataclass(frozen=True)
class Pause:
    """No new step begins and no default is taken before `until`."""

    until: datetime


@dataclass(frozen=True)
class Resume:
    """The pause is over before its time."""


@dataclass(frozen=True)
class Cancel:
    """The user wants no more of it."""


@dataclass(frozen=True)
class Retry:
    """A journal that ended or failed goes on: at `phase`, or without one where it stood.

    What is given here takes the place of what was ordered.
    """

    phase: str | None = None
    choices: Mapping[str, Choice] = field(default_factory=dict)
    title_style: TitleStyle | None = None
    depth: Depth | None = None
    audience: str | None = None


@dataclass(frozen=True)
class Poisoned:
    """Something about this journal cannot be worked with; it ends, and its user is told."""

    detail: str


@dataclass(frozen=True)
class Migrate:
    """The journal moves on to this version of the table."""

    to: int


Reply = StepFinished | AssetsRegistered | AssetsWithdrawn | StepFailed
Happening = (
    Begin
    | Reply
    | Answered
    | DeadlinePassed
    | Extended
    | HandedOver
    | Shared
    | Pause
    | Resume
    | Cancel
    | Retry
    | Poisoned
    | Migrate
)
