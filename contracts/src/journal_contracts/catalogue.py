"""The catalogue: every message there is, who says it, who hears it, and how it travels."""

from dataclasses import dataclass
from typing import Final

from journal_contracts import commands, events
from journal_contracts.message import Command, Message

AUTH, GATEWAY, ORCHESTRATOR, WORKERS, MEDIA = (
    "auth-service",
    "gateway-service",
    "orchestrator-service",
    "agent-workers",
    "media-service",
)


@dataclass(frozen=True)
class Entry:
    """A message's row. A command has one hearer; `pools` split its queue by routing key."""

    message: type[Message]
    said_by: tuple[str, ...]
    heard_by: tuple[str, ...] = ()
    heard_by_every_replica_of: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    transient: bool = False

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def is_command(self) -> bool:
        return issubclass(self.message, Command)

    @property
    def routing_keys(self) -> tuple[str, ...]:
        return tuple(f"{self.name}.{pool}" for pool in self.pools) or (self.name,)


POOLS: Final = ("writing", "painting", "binding")

CATALOGUE: Final = (
    Entry(commands.RunPhase, said_by=(ORCHESTRATOR,), heard_by=(WORKERS,), pools=POOLS),
    Entry(commands.RegisterAssets, said_by=(ORCHESTRATOR,), heard_by=(MEDIA,)),
    Entry(commands.WithdrawAssets, said_by=(ORCHESTRATOR,), heard_by=(MEDIA,)),
    Entry(events.StepFinished, said_by=(WORKERS,), heard_by=(ORCHESTRATOR,)),
    Entry(events.StepFailed, said_by=(WORKERS, MEDIA), heard_by=(ORCHESTRATOR,)),
    Entry(events.AssetsRegistered, said_by=(MEDIA,), heard_by=(ORCHESTRATOR,)),
    Entry(events.AssetsWithdrawn, said_by=(MEDIA,), heard_by=(ORCHESTRATOR,)),
    Entry(events.CraftStarted, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY, MEDIA)),
    Entry(events.PhaseStarted, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.PhaseAdvanced, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.PhaseCompleted, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.PhaseFailed, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.DecisionRequested, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY, AUTH)),
    Entry(events.DecisionClosed, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY, AUTH)),
    Entry(events.DecisionExtended, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.DecisionHandedOver, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftShared, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftUnshared, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftPaused, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftResumed, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftRetried, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(events.CraftCompleted, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY, AUTH)),
    Entry(events.CraftFailed, said_by=(ORCHESTRATOR,), heard_by=(GATEWAY,)),
    Entry(
        events.CraftCancelled,
        said_by=(ORCHESTRATOR,),
        heard_by=(GATEWAY, WORKERS),
        heard_by_every_replica_of=(WORKERS,),
    ),
    Entry(
        events.CraftDeleted,
        said_by=(ORCHESTRATOR,),
        heard_by=(GATEWAY, MEDIA, WORKERS),
        heard_by_every_replica_of=(WORKERS,),
    ),
    Entry(events.ProgressReported, said_by=(WORKERS,), transient=True),
    Entry(events.TextWritten, said_by=(WORKERS,), transient=True),
    Entry(
        events.TextWanted,
        said_by=(GATEWAY,),
        heard_by_every_replica_of=(WORKERS,),
        transient=True,
    ),
    Entry(
        events.WorkerAlive,
        said_by=(WORKERS,),
        heard_by_every_replica_of=(ORCHESTRATOR,),
        transient=True,
    ),
    Entry(events.UsageRecorded, said_by=(WORKERS,), heard_by=(ORCHESTRATOR,)),
    Entry(
        events.SessionRevoked,
        said_by=(AUTH,),
        heard_by_every_replica_of=(GATEWAY, ORCHESTRATOR, MEDIA),
    ),
    Entry(
        events.UserDeleted,
        said_by=(AUTH,),
        heard_by=(GATEWAY, ORCHESTRATOR, MEDIA, WORKERS),
    ),
    Entry(events.UserErased, said_by=(GATEWAY, ORCHESTRATOR, MEDIA, WORKERS), heard_by=(AUTH,)),
)
BY_NAME: Final = {entry.name: entry for entry in CATALOGUE}


def heard_by(service: str) -> tuple[Entry, ...]:
    """What a service hears on durable queues."""
    return tuple(entry for entry in CATALOGUE if service in entry.heard_by)
