"""Events: what happened, told to whoever listens."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from pydantic import Field

from journal_contracts.decisions import Choice, ChosenBy, DecisionView
from journal_contracts.message import Allowance, Event, Message, PublicEvent, StepRef
from journal_contracts.product import PlanName, Share
from journal_contracts.values import Facts

# --- what the journal's saga tells the world ----------------------------------------------------


class CraftStarted(PublicEvent):
    """A journal was ordered and its saga began."""

    name: ClassVar[str] = "journal.craft.started.v1"
    theme: str
    plan: PlanName
    phases: tuple[str, ...]
    documents: tuple[str, ...] = ()
    """Those of its user that it was ordered with, by name."""


class PhaseStarted(PublicEvent):
    """An agent was given its work, in so many parts."""

    name: ClassVar[str] = "journal.phase.started.v1"
    phase: str
    agent: str
    parts: int
    round: int = 0


class PhaseAdvanced(PublicEvent):
    """One part of a phase is finished."""

    name: ClassVar[str] = "journal.phase.advanced.v1"
    phase: str
    agent: str
    part: str
    done: int
    parts: int


class PhaseCompleted(PublicEvent):
    """Every part of a phase is finished."""

    name: ClassVar[str] = "journal.phase.completed.v1"
    phase: str
    agent: str
    seconds: float


class PhaseFailed(PublicEvent):
    """A step failed; `retrying` says whether it is tried again without asking anyone."""

    name: ClassVar[str] = "journal.phase.failed.v1"
    phase: str
    agent: str
    part: str
    attempt: int
    code: str
    detail: str
    retrying: bool


class DecisionRequested(PublicEvent):
    """The journal waits for its user."""

    name: ClassVar[str] = "journal.decision.requested.v1"
    decision: DecisionView


class DecisionClosed(PublicEvent):
    """The journal no longer waits: somebody chose, or the default was taken."""

    name: ClassVar[str] = "journal.decision.closed.v1"
    decision_id: str
    rev: int
    choice: Choice
    chosen_by: ChosenBy
    label: str = ""
    """The choice in words, such as the title itself."""


class DecisionExtended(PublicEvent):
    """The user has more time for a decision."""

    name: ClassVar[str] = "journal.decision.extended.v1"
    decision_id: str
    rev: int
    deadline: datetime


class DecisionHandedOver(PublicEvent):
    """Somebody else may answer a decision too."""

    name: ClassVar[str] = "journal.decision.handed.v1"
    decision_id: str
    rev: int
    to: UUID


class CraftShared(PublicEvent):
    """Its owner shares the journal with somebody, as a viewer or an editor."""

    name: ClassVar[str] = "journal.craft.shared.v1"
    member: UUID
    role: Share
    anew: bool = True
    """False where a member has another role now. Who is new begins to be told with this event."""


class CraftUnshared(PublicEvent):
    """The journal is no longer shared with somebody, who is told nothing after this."""

    name: ClassVar[str] = "journal.craft.unshared.v1"
    member: UUID


class CraftPaused(PublicEvent):
    """No new step begins and no default is taken until `until`, or until somebody resumes it."""

    name: ClassVar[str] = "journal.craft.paused.v1"
    until: datetime


class CraftResumed(PublicEvent):
    """The pause is over; open decisions have as much time as they had when it began."""

    name: ClassVar[str] = "journal.craft.resumed.v1"


class CraftRetried(PublicEvent):
    """A journal that had ended or failed goes on: from a phase, or where it stood."""

    name: ClassVar[str] = "journal.craft.retried.v1"
    phase: str | None = None


class CraftCompleted(PublicEvent):
    """Both books are on the user's shelf."""

    name: ClassVar[str] = "journal.craft.completed.v1"
    title: str


class CraftFailed(PublicEvent):
    """The journal was given up; everything made so far is kept."""

    name: ClassVar[str] = "journal.craft.failed.v1"
    code: str
    detail: str


class CraftCancelled(PublicEvent):
    """The user stopped the journal. Workers hear it and drop what they hold of it."""

    name: ClassVar[str] = "journal.craft.cancelled.v1"


class CraftDeleted(PublicEvent):
    """The journal is gone, with everything made for it."""

    name: ClassVar[str] = "journal.craft.deleted.v1"


# --- what the crew and the shelf answer ---------------------------------------------------------


class Usage(Message):
    """What a step cost. `cost` is in US dollars; None where a model has no known price."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal | None = Decimal(0)


class StepFinished(StepRef, Event):
    """A step is done: `artifact` is the key of what it made, `facts` the little asked of it.

    `facts` holds what decisions show (titles, styles) and what the saga branches on.
    """

    name: ClassVar[str] = "crew.step.finished.v1"
    artifact: str | None = None
    facts: Facts = Field(default_factory=dict)
    usage: Usage = Usage()
    seconds: float = 0.0


Trouble = Literal["rate_limit", "timeout", "invalid_output", "infrastructure", "fatal"]


class StepFailed(StepRef, Event):
    """A step could not be done. `kind` decides whether it is tried again, `code` is for people."""

    name: ClassVar[str] = "crew.step.failed.v1"
    kind: Trouble
    code: str
    detail: str
    usage: Usage = Usage()
    retry_after: float | None = None
    """Seconds the provider asked us to wait."""
    needs: Allowance | None = None
    """What its next call may cost, where it was refused for want of that."""


class ProgressReported(StepRef, Event):
    """How far one step is, at this moment; never truth, never kept."""

    name: ClassVar[str] = "crew.progress.reported.v1"
    agent: str
    doing: Literal["started", "thinking", "writing", "checking", "repairing", "done"]
    tokens: int = 0


LONGEST_TEXT: Final = 8_192
"""Characters told at once; of more, the last."""


class TextWritten(StepRef, Event):
    """What the model of a step has just written, as it came; for who reads along, never kept.

    Whole sentences, from character `pos` of the step's text on; what lies before may be missing.
    After a sentence that may not be printed nothing is told of that answer.
    """

    name: ClassVar[str] = "crew.text.written.v1"
    agent: str
    pos: int
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]


class TextWanted(Event):
    """Somebody reads along with their journal; said every few seconds while that is so."""

    name: ClassVar[str] = "journal.text.wanted.v1"
    journal_id: UUID
    user_id: UUID


class WorkerAlive(Event):
    """A worker is at work, and takes so many steps of each pool at once; said every few seconds."""

    name: ClassVar[str] = "crew.worker.alive.v1"
    worker: UUID
    at_once: dict[str, int]


class AssetsRegistered(StepRef, Event):
    """Files of a journal are on the user's shelf."""

    name: ClassVar[str] = "media.asset.registered.v1"
    assets: tuple[str, ...]
    """Their names within the journal, such as `journal.pdf`."""


class AssetsWithdrawn(StepRef, Event):
    """Files of a journal are off the user's shelf again."""

    name: ClassVar[str] = "media.asset.withdrawn.v1"


# --- what others tell ---------------------------------------------------------------------------


class UsageRecorded(Event):
    """One call to a model, with its price; also the failed and the cancelled ones."""

    name: ClassVar[str] = "ai.usage.recorded.v1"
    journal_id: UUID
    user_id: UUID
    phase: str
    part: str
    agent: str
    model: str
    outcome: Literal["answered", "failed", "cancelled"]
    usage: Usage
    seconds: float
    at: datetime
    call: UUID | None = None
    """The call itself, by which it is counted once."""


class SessionRevoked(Event):
    """Tokens of this session are no longer good, wherever they are shown."""

    name: ClassVar[str] = "auth.session.revoked.v1"
    user_id: UUID
    session_id: UUID
    at: datetime
    reason: str


class UserDeleted(Event):
    """An account is gone, and whoever keeps anything of its user has no reason to any more."""

    name: ClassVar[str] = "auth.user.deleted.v1"
    user_id: UUID
    at: datetime
    round: int = 1
    """It is said again, as round 2, once whatever was under way is over; and after a restore."""


class UserErased(Event):
    """A service keeps nothing any more of a user whose account is gone."""

    name: ClassVar[str] = "user.data.erased.v1"
    user_id: UUID
    service: str
    round: int
    at: datetime
