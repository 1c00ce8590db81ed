"""`jcc.rt.v1`: what a browser and the gateway say to each other over the socket."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from journal_contracts.api import JournalView
from journal_contracts.decisions import Choice, ChosenBy, Verdict
from journal_contracts.values import Facts, Value

SUBPROTOCOL: Final = "jcc.rt.v1"


class Frame(Value):
    """One frame is one JSON object, or an array of them."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


# --- the client says ----------------------------------------------------------------------------


class Resume(Frame):
    """Where the client stopped: offset `o` within `epoch`."""

    epoch: str
    o: Annotated[int, Field(ge=0)]


class Hello(Frame):
    """The first frame of a client, within 5 s."""

    t: Literal["hello"] = "hello"
    v: Literal[1] = 1
    token: Annotated[str, Field(max_length=8_192)] = ""
    ticket: Annotated[str, Field(max_length=100)] = ""
    """In the place of a token, from `POST /v1/rt/ticket`."""
    resume: Resume | None = None

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if bool(self.token) == bool(self.ticket):
            raise ValueError("a hello has a token or a ticket")
        return self


class Auth(Frame):
    """A new token of the same user, before the old one has expired (at 80 % of its life, say)."""

    t: Literal["auth"] = "auth"
    token: Annotated[str, Field(max_length=8_192)]


class Decide(Frame):
    """An answer to a decision; `id` is the client's own and comes back in the result."""

    t: Literal["decide"] = "decide"
    id: Annotated[str, Field(max_length=64)]
    journal: UUID
    decision_id: Annotated[str, Field(alias="decisionId", max_length=40)]
    rev: Annotated[int, Field(ge=1)] = 1
    choice: Choice


class Read(Frame):
    """Read along with what is written for a journal, as it is written, or no longer.

    It comes in events of class `token`: text of a step from character `pos` on. Nothing is sent of
    what was written before, and pieces may be missing.
    """

    t: Literal["read"] = "read"
    journal: UUID
    on: bool = True


class Pong(Frame):
    """The answer to a ping."""

    t: Literal["pong"] = "pong"


# --- the gateway says ---------------------------------------------------------------------------


class Welcome(Frame):
    """Who the gateway takes the client for, and whether what it missed follows or a snapshot."""

    t: Literal["welcome"] = "welcome"
    mode: Literal["recovered", "snapshot"]
    epoch: str
    o: int
    user: UUID
    server_time: Annotated[datetime, Field(alias="serverTime")]


class Snapshot(Frame):
    """The state of the user's journals at or after offset `o`."""

    t: Literal["snapshot"] = "snapshot"
    epoch: str
    o: int
    journals: tuple[JournalView, ...]


class Happened(Frame):
    """An event: `durable` ones carry `o` (contiguous per user) and `n` (contiguous per journal)."""

    t: Literal["event"] = "event"
    cls: Literal["durable", "latest", "token"]
    type: str
    id: str
    at: datetime
    journal: UUID | None = None
    o: int | None = None
    n: int | None = None
    key: str | None = None
    data: Facts


class DecideResult(Frame):
    """What became of a `decide`."""

    t: Literal["decide.result"] = "decide.result"
    id: str
    result: Verdict
    choice: Choice | None = None
    chosen_by: Annotated[ChosenBy | None, Field(alias="chosenBy")] = None


class DecideRefused(Frame):
    """A `decide` without a verdict: the answer does not fit, or its owner is away.

    What is `unavailable` may be said again with the same id, after so many milliseconds.
    """

    t: Literal["decide.refused"] = "decide.refused"
    id: str
    result: Literal["invalid", "unavailable"]
    detail: str = ""
    after_ms: Annotated[int, Field(alias="afterMs")] = 0


class Ping(Frame):
    """The heartbeat; `o` lets an idle client see that it lost its last event."""

    t: Literal["ping"] = "ping"
    o: int


class Bye(Frame):
    """Goes before a close: the code, whether to come back, and after how many milliseconds."""

    t: Literal["bye"] = "bye"
    code: int
    reconnect: bool
    after_ms: Annotated[int, Field(alias="afterMs")] = 0
