"""What the HTTP interface takes from operators and shows them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from journal_contracts.api import Body, View

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class DeadLetterView(View):
    """A hopeless message, without what people wrote in it."""

    id: UUID
    service: str
    """Who could not handle it."""
    queue: str
    name: str
    journal_id: UUID | None = None
    reason: str
    """`unreadable`, `out_of_tries`, `delivery_limit`, or another word of the broker's."""
    error: str
    """The type of the last error, where one is known."""
    tries: int
    redrives: int
    """How often it had been sent back before it failed this time."""
    first_seen: datetime
    bytes: int
    sha256: str


class DeadLetterDetail(DeadLetterView):
    """The same with its body: texts are replaced by their length; None where it is unreadable."""

    body: Any = None


class DeadLetterPage(View):
    """A page of dead letters, newest first; `next` is the cursor of the following one."""

    items: tuple[DeadLetterView, ...]
    next: str | None = None


class DeadLetterClass(Body):
    """Dead letters of one kind: what is not said may be anything."""

    service: Word | None = None
    name: Word | None = None
    reason: Word | None = None


class DeadLetterChoice(DeadLetterClass):
    """One dead letter by its id, or a class of them."""

    id: UUID | None = None

    @model_validator(mode="after")
    def _one_or_a_class(self) -> Self:
        if (self.id is None) == (not (self.service or self.name or self.reason)):
            raise ValueError("say either an id, or at least one of service, name and reason")
        return self


class DeadLettersSettled(View):
    """How many letters were sent back or dropped; `left` could not be, and still lie there."""

    done: Annotated[int, Field(ge=0)]
    left: Annotated[int, Field(ge=0)] = 0
