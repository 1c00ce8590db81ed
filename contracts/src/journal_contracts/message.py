"""What every message is: a frozen body with a name, which is its routing key and its version."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from pydantic import ConfigDict

from journal_contracts.values import Value


class Message(Value):
    """The body. The envelope is AMQP's own; hearers ignore fields they do not know."""

    model_config = ConfigDict(extra="ignore")
    name: ClassVar[str]
    """`<subject>.<thing>.<verb>.v<N>`: a new optional field keeps N, anything else is N + 1."""


class Event(Message):
    """Something that happened; anyone may listen."""


class Command(Message):
    """Something one owner is asked to do."""


class Allowance(Message):
    """What a step may still spend, all its calls together; None: this is not bounded here."""

    cost: Decimal | None = None
    """US dollars. A model without a known price is bounded by the tokens alone."""
    tokens: int | None = None


class StepRef(Message):
    """Which step of which journal a message belongs to: the fence against late answers.

    `part` is "" where a phase has no parts; `attempt` counts from 1.
    """

    journal_id: UUID
    user_id: UUID
    phase: str
    part: str = ""
    attempt: int = 1

    @property
    def artifact_key(self) -> str:
        """Where the result of this step lies: it follows from the step, so nobody has to say it."""
        return artifact_key(self.user_id, self.journal_id, self.phase, self.part, self.attempt)


def artifact_key(user_id: UUID, journal_id: UUID, phase: str, part: str, attempt: int) -> str:
    """The same for a step that is not at hand as one."""
    return f"{journal_folder(user_id, journal_id)}/{phase}/{part or 'whole'}.{attempt}.json"


def journal_folder(user_id: UUID, journal_id: UUID) -> str:
    """The prefix of everything that is stored of one journal."""
    return f"users/{user_id}/journals/{journal_id}"


class PublicEvent(Event):
    """What the orchestrator tells the world of a journal; `n` is contiguous per journal, from 1."""

    journal_id: UUID
    user_id: UUID
    n: int
    at: datetime
    percent: int
    """How much of the journal is done, 0 to 100; never falls while the journal runs."""
    also: tuple[UUID, ...] = ()
    """Who else is told: those whom its owner shares the journal with."""
