"""What the HTTP interface takes and gives, the same at the gateway and at the owner behind it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from journal_contracts.artifacts import Manuscript
from journal_contracts.decisions import Choice, ChosenBy, DecisionView, Verdict
from journal_contracts.documents import MOST, DocumentName
from journal_contracts.product import Depth, Edition, PlanName, Role, TitleStyle
from journal_contracts.values import Facts, Value, on_one_line

Status = Literal["running", "waiting", "completed", "failed", "cancelled"]
"""`waiting` means for a person: a decision is open and nothing else can go on, or it is paused."""

Sort = Literal["newest", "oldest", "theme"]
"""Of lists of journals; by theme as in a register, whatever its case."""

LONGEST_CURSOR: Final = 2_000


class Body(Value):
    """Anything a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class View(Value):
    """Anything a client is shown."""


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(on_one_line),
]


SearchText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(on_one_line)
]
"""What is looked for in themes and titles, as it stands there, whatever its case."""


Decisions = dict[Literal["author_style", "title", "pictures", "draft", "format"], Choice]
"""Answers given in advance."""


class JournalOrder(Body):
    """A journal as a user orders it; any decision may be answered in advance."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"theme": "Journaling for Anxiety"},
                {
                    "theme": "Rest for people who work nights",
                    "plan": "comprehensive",
                    "audience": "nurses",
                    "budget": "2.50",
                    "decisions": {"pictures": {"option": "procedural"}},
                },
            ]
        }
    )

    theme: ShortText
    plan: PlanName = PlanName.STANDARD
    title_style: TitleStyle = TitleStyle.INSPIRATIONAL
    depth: Depth | None = None
    """None takes the plan's own: medium for standard, deep for comprehensive."""
    audience: ShortText | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    unattended: bool = False
    """Nobody will answer: every decision takes its default at once, and says so."""
    budget: Annotated[Decimal, Field(gt=0, le=10_000)] | None = None
    """What its models may cost, in US dollars, before the user is asked."""
    models: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] | None = None
    """A choice of models by its name, among those the plan allows; None: the house's own."""
    decisions: Decisions = Field(default_factory=dict)
    documents: Annotated[tuple[DocumentName, ...], Field(max_length=MOST)] = ()
    """Those of the user's documents that research is to rest on, by name."""


class Answer(Body):
    """An answer to revision `rev` of a decision."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"rev": 1, "choice": {"option": "own", "text": "Quiet Mornings"}}]
        }
    )

    rev: Annotated[int, Field(ge=1)] = 1
    choice: Choice


class Extension(Body):
    """More time for revision `rev` of a decision, in seconds from now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rev": 1, "seconds": 3600}]})

    rev: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, le=30 * 86_400)]


Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class HandOver(Body):
    """Who else may answer revision `rev` of a decision: by id, or whoever has the address and
    accepts."""

    rev: Annotated[int, Field(ge=1)]
    to: UUID | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.to is None) == (self.email is None):
            raise ValueError("a decision is handed to an id or to an address")
        return self


class PauseOrder(Body):
    """How long a journal stands still, in seconds, unless it is resumed before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seconds": 3600}]})

    seconds: Annotated[float, Field(gt=0, le=30 * 86_400)] = 86_400


class Changes(Body):
    """What is to be different when a journal is tried again."""

    title_style: TitleStyle | None = None
    depth: Depth | None = None
    audience: ShortText | None = None
    decisions: Decisions = Field(default_factory=dict)


class RetryOrder(Body):
    """Where a journal that ended or failed goes on: at a phase, or without one where it stood."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"phase": "curation", "changes": {"audience": "nurses"}}]}
    )

    phase: str | None = None
    changes: Changes = Changes()


class AnswerResult(View):
    """What became of an answer, with the choice that holds where one was made."""

    result: Verdict
    decision_id: str
    rev: int
    choice: Choice | None = None
    chosen_by: ChosenBy | None = None


class PhaseView(View):
    """One phase of a journal: how many of its parts are done, and how long it took."""

    name: str
    agent: str
    status: Literal["waiting", "running", "done", "failed", "skipped"]
    done: int
    parts: int
    seconds: float | None = None


class ChosenView(View):
    """A decision that was made."""

    id: str
    rev: int
    choice: Choice
    chosen_by: ChosenBy
    at: datetime
    label: str = ""
    """The choice in words, such as the title itself."""


class UsageLine(View):
    """What calls to models came to: those of one day, agent, journal or model, by the `key`.

    `cost` is in US dollars, of the calls whose price is known; `unpriced` counts the others.
    """

    key: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    unpriced: int


class UsagePage(View):
    """A user's calls of the last days; days come newest first, all else by what it cost."""

    items: tuple[UsageLine, ...]


class QuotaView(View):
    """A user's day (UTC): what models may cost, None where that is not bounded, and what they did.

    The next day begins with nothing spent.
    """

    day: date
    cost: Decimal | None
    """US dollars."""
    tokens: int | None
    spent_cost: Decimal
    spent_tokens: int


class Estimate(View):
    """What a journal of a plan came to, on the average of the last ones that were completed.

    None where there was none yet; `cost` also where one of them had calls of unknown price.
    """

    journals: int
    calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None
    seconds: float | None = None
    """Of work: the times in which it waited for its user are not in it."""


UsageKey = Literal["day", "agent", "journal", "model"]


class UsageView(View):
    """What the models of a journal cost so far; `cost` is in US dollars, None if unpriced."""

    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal | None = None


class TroubleView(View):
    """Why a journal stands still or has ended, in a stable code and a sentence."""

    code: str
    detail: str
    phase: str | None = None


class ResearchView(View):
    """Where the insights come from: how many from each document, by its name, and how many the
    model knew by itself; what was left out of a document that was ordered, and why."""

    insights: int
    own: int
    documents: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)


class QueueView(View):
    """A journal whose next step waits for room: how many steps of others go first."""

    position: int
    eta_seconds: float | None = None
    """None while nothing is known of the pool's pace."""


class JournalView(View):
    """The state of a journal."""

    id: UUID
    theme: str
    plan: PlanName
    title: str | None = None
    status: Status
    percent: int
    n: int
    """The last public event that this state includes."""
    created_at: datetime
    updated_at: datetime
    phases: tuple[PhaseView, ...]
    open_decisions: tuple[DecisionView, ...]
    decisions: tuple[ChosenView, ...]
    usage: UsageView
    model: str | None = None
    """What writes this journal, once preflight has found out."""
    sample_text: bool = False
    """True where the offline writer writes it: its books say so too."""
    trouble: TroubleView | None = None
    paused_until: datetime | None = None
    queue: QueueView | None = None
    eta_seconds: float | None = None
    """Of work, at this moment, by how long the same phases took lately and its own pace.

    The times in which it waits for its user are not in it. None where there is no history.
    """
    research: ResearchView | None = None
    """Once there are insights."""
    pictures: dict[str, int] = Field(default_factory=dict)
    """How many the books have from each source: `generated` by a model, `procedural` by us."""
    role: Role = "owner"
    """What the caller is to it: others share it with them."""


class AtWork(View):
    """An agent at work: how many parts of its phase are done."""

    phase: str
    agent: str
    done: int
    parts: int


class Pending(View):
    """A decision that is open, in short."""

    id: str
    rev: int
    question: str
    deadline: datetime


Wish = Literal["answer", "cancel", "pause", "resume", "retry", "download", "delete"]


class JobState(View):
    """How far a journal is, in short, for whoever asks often; `can` is what its user can do.

    `n` is the last event in it. `cost` (US dollars, None if unpriced) and `eta_seconds` are those
    of `asked_at`, when the orchestrator was last asked.
    """

    id: UUID
    status: Status
    percent: int
    n: int
    at_work: tuple[AtWork, ...] = ()
    open_decisions: tuple[Pending, ...] = ()
    paused_until: datetime | None = None
    trouble: TroubleView | None = None
    cost: Decimal | None = None
    eta_seconds: float | None = None
    updated_at: datetime
    asked_at: datetime
    can: tuple[Wish, ...] = ()
    role: Role = "owner"
    """What its reader is to the journal: `can` has nothing else in it."""


class JournalCard(View):
    """A journal in a list."""

    id: UUID
    theme: str
    plan: PlanName
    title: str | None = None
    status: Status
    percent: int
    created_at: datetime
    role: Role = "owner"
    """What the caller is to it: others share it with them."""


Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    AfterValidator(on_one_line),
]


class TagsOrder(Body):
    """The tags a journal is to have, all of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tags": ["gifts", "spring"]}]})
    tags: Annotated[tuple[Tag, ...], Field(max_length=20)]


class JournalTags(View):
    """The tags of one journal, by name."""

    tags: tuple[str, ...]


class TagView(View):
    """A tag, and how many journals have it."""

    name: str
    journals: int


class TagPage(View):
    """All tags of a user, by name."""

    items: tuple[TagView, ...]


class ThemeView(View):
    """A theme a user wrote about, and how often."""

    theme: str
    journals: int


class ThemePage(View):
    """A user's themes, the most used first, and those that are offered to everybody."""

    items: tuple[ThemeView, ...]
    offered: tuple[str, ...]


class JournalPage(View):
    """A page of the list; `next` is the cursor of the following one."""

    items: tuple[JournalCard, ...]
    next: str | None = None


class HistoryEntry(View):
    """What happened to a journal, and what the world was told of it.

    `seq` counts transitions, `n` what was told; it is empty where nothing was. `seconds` and
    `cost` (US dollars) are those of the step whose end caused it.
    """

    seq: int
    n: int | None
    type: str
    at: datetime
    actor: str
    cause: str
    seconds: float | None = None
    cost: Decimal | None = None
    data: Facts


class HistoryPage(View):
    """A page of the history; `next` is the cursor (the `seq` before it) of the following one."""

    items: tuple[HistoryEntry, ...]
    next: int | None = None


class ToldEvent(View):
    """A public event as it was said: its name, and its body as it stood on the wire."""

    type: str
    body: Facts


class ToldEvents(View):
    """Public events of one journal, in the order of their `n`; empty where there are none."""

    items: tuple[ToldEvent, ...]


class DraftParts(View):
    """Where the parts of a draft lie, as keys: both books, and what was edited since, in order."""

    proof: str
    edited: tuple[str, ...] = ()
    owner: UUID | None = None
    """Whose the journal is, where its reader is somebody else."""


class DraftView(View):
    """Both books in words, with every edit that was made so far."""

    journal: Manuscript
    lead_magnet: Manuscript


class DocumentView(View):
    """A document of a user."""

    name: str
    media_type: str
    bytes: int


class DocumentPage(View):
    """All documents of a user, by name."""

    items: tuple[DocumentView, ...]


class AssetView(View):
    """A finished file on the user's shelf; the last three are known for books only."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    href: str
    edition: Edition | None = None
    pages: int | None = None
    words: int | None = None
    figures: int | None = None


class AssetPage(View):
    """All files of one journal."""

    items: tuple[AssetView, ...]


Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=15, max_length=256)]


class Credentials(Body):
    """Who wants in. A password has 15 to 256 characters."""

    email: Email
    password: Password


class TicketView(Value):
    """What to connect with where a token cannot be said."""

    ticket: str
    expires_in: int
    """Seconds."""


class AccountView(View):
    """An account, as its owner sees it."""

    id: UUID
    email: str
    created_at: datetime
    verified: bool = False
    """That whoever has the address has the account."""


class TokenView(View):
    """An access token (RFC 6749 names), and what the next one is got with; times in seconds.

    A refresh token holds once: its answer has the next. Browsers that asked for a cookie see none.
    """

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int
    refresh_token: str | None = None
    refresh_expires_in: int | None = None


class Problem(View):
    """An error (RFC 9457); `code` is stable, `errors` points into the body by JSON pointer."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str = ""
    trace_id: str = ""
    errors: tuple[dict[str, str], ...] = ()
