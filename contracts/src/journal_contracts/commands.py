"""Commands: what one service asks of the one that owns the deed."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.message import Allowance, Command, Message, StepRef
from journal_contracts.product import Depth, PlanName, TitleStyle
from journal_contracts.values import Facts


class Brief(Message):
    """What every agent knows of the journal it works on."""

    theme: str
    plan: PlanName
    language: str = "en"
    audience: str = ""
    title_style: TitleStyle = TitleStyle.INSPIRATIONAL
    depth: Depth = Depth.MEDIUM
    title: Title | None = None
    author_style: AuthorStyle | None = None


class DayShare(Allowance):
    """A step's share of its user's day, its own while it is open; and what is left of the day
    without regard to the shares of others: beyond that only another day helps."""

    left_cost: Decimal | None = None
    left_tokens: int | None = None


class RunPhase(StepRef, Command):
    """Do one step of a journal. The pool is part of the routing key, not of the name.

    `inputs` names the artifacts this step rests on, by phase, as keys in object storage, in order;
    `order` is what this step in particular is to do (days, edition, count, round).
    """

    name: ClassVar[str] = "journal.phase.run.v1"
    brief: Brief
    inputs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    order: Facts = Field(default_factory=dict)
    round: int = 0
    """Counts wanted re-dos ("ten more", a revision); an attempt after a failure keeps its round."""
    since: int = 0
    """The journal's `n` when the step was given out; a cancellation of a later `n` is about it."""
    models: str = ""
    """The choice of models that the user or the plan made, by its name; "": the house's own."""
    allowance: Allowance | None = None
    """What is left of the journal's budget for it; beyond that it fails with `over_allowance`."""
    quota: DayShare | None = None
    """Found out when it leaves; beyond it the step fails with `over_quota`, or `quota_taken`
    where others have shares of what it would need."""
    needs: Allowance | None = None
    """What its next call may cost, where it was refused before for want of that."""
    agent: str = ""
    """Whose work it is; a name for whoever watches, the phase says which."""


class RegisterAssets(StepRef, Command):
    """Put finished files on the user's shelf; `editions` is the key of an `Editions` artifact."""

    name: ClassVar[str] = "media.asset.register.v1"
    editions: str


class WithdrawAssets(StepRef, Command):
    """Take off the user's shelf what attempts up to `registered` put there: it is made anew."""

    name: ClassVar[str] = "media.asset.withdraw.v1"
    registered: int
