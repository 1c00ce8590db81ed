"""RabbitMQ as its clients see it on a bad day: at least once, in any order, sometimes not there.

Hearing goes through the chassis' own `Ear`, so what cannot be read or handled is buried and
postponed by the code that does it elsewhere; the exchanges of that lead here.
"""

import asyncio
import functools
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from faststream.rabbit import RabbitBroker, RabbitExchange

from chassis.broker import Letter, NotForMe, Speaker, queue_of
from chassis.broker.hearing import ERROR, PAUSE, REASON, Delivery, Ear
from journal_contracts.catalogue import AUTH, BY_NAME, GATEWAY, WORKERS
from journal_contracts.commands import RunPhase
from journal_contracts.events import (
    AssetsRegistered,
    AssetsWithdrawn,
    CraftCancelled,
    CraftCompleted,
    CraftFailed,
    DecisionRequested,
    StepFailed,
    StepFinished,
)
from journal_contracts.message import Message, StepRef
from tests.instant.chaos import poisoned

from .fate import Fate
from .loop import RUNNING, Process

M = TypeVar("M", bound=Message)
TAKES: Final = 0.02
"""Seconds until a letter is in its queues; late ones take up to 8."""
REMEMBERED: Final = 20
NEWS: Final = {
    each.name for each in (DecisionRequested, CraftCompleted, CraftFailed, CraftCancelled)
}
"""What users are woken by."""
ANSWERS: Final = {
    each.name for each in (StepFinished, StepFailed, AssetsRegistered, AssetsWithdrawn)
}
_queue = functools.cache(queue_of)


@dataclass
class Consumer:
    """One process that hears one queue, and what it has not acked yet."""

    process: Process
    take: Callable[[Delivery], Awaitable[None]]
    prefetch: int
    unacked: dict[int, Delivery] = field(default_factory=dict)
    is_cut: bool = False
    hearing: dict[int, asyncio.Task[None]] = field(default_factory=dict)


@dataclass
class Broker:
    """Queues, who hears them, and all that the world was told."""

    fate: Fate
    watch: Callable[[Delivery], None]
    """Told of each message that is acked."""
    heard: list[tuple[UUID, int, str]] = field(default_factory=list)
    """What reached the gateway: journal, `n`, name."""
    news: dict[UUID, asyncio.Event] = field(default_factory=dict)
    graves: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, reason and error of what was buried."""
    postponed: list[str] = field(default_factory=list)
    """From which queues."""
    answered: set[StepRef] = field(default_factory=set)
    """Steps of which an answer has arrived."""
    resting: set[str | None] = field(default_factory=set)
    """Ids of messages that wait for another try."""
    _queues: dict[str, deque[Delivery]] = field(default_factory=dict)
    _consumers: dict[str, list[Consumer]] = field(default_factory=dict)
    _replicas: dict[str, list[Consumer]] = field(default_factory=dict)
    _again: dict[tuple[str, str], Callable[[], None]] = field(default_factory=dict)
    """By queue and process: how it begins to hear once more."""
    _old: deque[Letter] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _moving: int = 0
    """Deliveries on their way into a queue."""
    _tags: int = 0

    # --- saying ---------------------------------------------------------------------------------

    def take(self, letter: Letter) -> None:
        """A letter has arrived; it comes into its queues soon, once or more often."""
        copies = [letter]
        if letter.name in ANSWERS:
            self.answered.add(StepRef.model_validate_json(letter.body))
        if self.fate.strikes("letters_come_twice"):
            copies.append(letter)
        if letter.name == StepFinished.name and self.fate.strikes("letters_are_poisoned"):
            copies.insert(0, poisoned(letter, self.fate.random.random() < 0.3))
        if self._old and self.fate.strikes("letters_are_old"):
            copies.append(self.fate.random.choice(self._old))
        self._old.append(letter)
        for copy in copies:
            late = self.fate.moment(8.0) if self.fate.strikes("letters_are_late") else 0.0
            delivery = Delivery(copy.body, {}, str(copy.id), copy.name, copy.subject)
            self._route(copy.routing_key, delivery, late + self.fate.moment(TAKES))

    def put(self, queue: str, delivery: Delivery, *, first: bool = False) -> None:
        """Into a queue; in front, where it comes back."""
        waiting = self._queues.setdefault(queue, deque())
        waiting.insert(0 if first else len(waiting), delivery)
        self._deliver(queue)

    def _route(self, routing_key: str, delivery: Delivery, seconds: float) -> None:
        entry = BY_NAME[str(delivery.kind)]
        for service in entry.heard_by:
            if service == AUTH:  # it writes to people, and nobody here reads mail
                continue
            self._moving += 1
            if service == GATEWAY:
                self.fate.loop.later(seconds, lambda: self._hear(delivery))
            else:
                queue = _queue(service, routing_key).name
                self.fate.loop.later(seconds, lambda q=queue: self._arrive(q, delivery))  # type: ignore[misc]
        for consumer in list(self._replicas.get(entry.name, ())):
            self.fate.loop.later(seconds, lambda c=consumer: self._tell(c, delivery))  # type: ignore[misc]

    def _arrive(self, queue: str, delivery: Delivery) -> None:
        self._moving -= 1
        self.put(queue, delivery)

    def _hear(self, delivery: Delivery) -> None:
        self._moving -= 1
        body = json.loads(delivery.body)
        journal = UUID(body["journal_id"])
        self.heard.append((journal, body["n"], str(delivery.kind)))
        if delivery.kind in NEWS:
            self.news.setdefault(journal, asyncio.Event()).set()

    def _tell(self, consumer: Consumer, delivery: Delivery) -> None:
        if not consumer.is_cut:
            consumer.process.start(consumer.take(delivery))  # type: ignore[arg-type] # it is one

    # --- hearing --------------------------------------------------------------------------------

    def hear(
        self,
        service: str,
        message: type[M],
        handler: Callable[[M], Awaitable[None]],
        *,
        pool: str | None = None,
        prefetch: int = 16,
    ) -> None:
        """This process takes its share of a queue, as with `chassis.broker.hear`."""
        routing_key = f"{message.name}.{pool}" if pool else message.name
        queue = _queue(service, routing_key)
        ear = Ear(cast(RabbitBroker, Exchanges(self)), service, queue)
        process = RUNNING.get()

        async def take(delivery: Delivery) -> None:
            await ear.take(message, handler, delivery)

        def begin() -> None:
            if process.state != "dead":
                consumer = Consumer(process, take, prefetch)
                self._consumers.setdefault(queue.name, []).append(consumer)
                process.when_dead.append(lambda: self._cut(queue.name, consumer))
                self._deliver(queue.name)

        begin()
        self._again[queue.name, process.name] = begin

    def hear_as_replica(self, message: type[M], handler: Callable[[M], Awaitable[None]]) -> None:
        """This process hears it, and so does every other; what nobody hears is gone."""
        process = RUNNING.get()

        async def take(delivery: Delivery) -> None:
            await handler(message.model_validate_json(delivery.body))

        consumer = Consumer(process, take, 1)
        self._replicas.setdefault(message.name, []).append(consumer)
        process.when_dead.append(lambda: self._replicas[message.name].remove(consumer))

    def _deliver(self, queue: str) -> None:
        """Give what waits to whoever has a hand free."""
        waiting = self._queues.get(queue)
        while waiting:
            free = [c for c in self._consumers.get(queue, ()) if len(c.unacked) < c.prefetch]
            if not free:
                return
            consumer, delivery = self.fate.random.choice(free), waiting.popleft()
            self._tags += 1
            tag = self._tags
            consumer.unacked[tag] = delivery
            work = self._consume(queue, consumer, tag, delivery)
            task = consumer.hearing[tag] = consumer.process.start(work)
            task.add_done_callback(lambda _, c=consumer, t=tag: c.hearing.pop(t, None))  # type: ignore[misc]

    async def _consume(self, queue: str, consumer: Consumer, tag: int, delivery: Delivery) -> None:
        self.fate.note("hears", told_of(delivery))
        try:
            await consumer.take(delivery)
        except NotForMe:
            await asyncio.sleep(PAUSE)
            self._settle(queue, consumer, tag, delivery)
        except (OSError, RuntimeError, TimeoutError) as error:
            self.fate.note("keeps", f"{delivery.kind}: {type(error).__name__}")
            await asyncio.sleep(PAUSE)
            self._settle(queue, consumer, tag, delivery)
        else:
            self._settle(queue, consumer, tag, None)

    def _settle(self, queue: str, consumer: Consumer, tag: int, back: Delivery | None) -> None:
        """An ack on its way, or the letter itself; the line may be cut over it."""

        def arrive() -> None:
            if tag not in consumer.unacked:
                return
            if self.fate.strikes("line_is_cut"):
                self._cut(queue, consumer)
                begin = self._again[queue, consumer.process.name]
                self.fate.loop.later(self.fate.moment(1.0), begin)
                return
            delivery = consumer.unacked.pop(tag)
            if back is None:
                self.watch(delivery)
            else:
                self.put(queue, back)
            self._deliver(queue)

        self.fate.loop.later(self.fate.delay(), arrive)

    def _cut(self, queue: str, consumer: Consumer) -> None:
        """The broker gives what a lost connection had to others; here its deliveries end."""
        if consumer.is_cut:
            return
        consumer.is_cut = True
        self._consumers[queue].remove(consumer)
        if consumer.process.state != "dead":
            for task in list(consumer.hearing.values()):
                task.cancel()
        for delivery in reversed(consumer.unacked.values()):
            self._queues.setdefault(queue, deque()).appendleft(delivery)
        consumer.unacked.clear()
        self.fate.loop.later(self.fate.delay(), lambda: self._deliver(queue))

    # --- looking --------------------------------------------------------------------------------

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        busy = (c.unacked for consumers in self._consumers.values() for c in consumers)
        return not self._moving and not any(self._queues.values()) and not any(busy)


class SimulatedSpeaker(Speaker):
    """Says letters to the broker of this world."""

    def __init__(self, service: str, broker: Broker) -> None:
        super().__init__(service, "")
        self._broker = broker
        self._fate = broker.fate

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        if not letters:
            return []
        said = list(letters)
        for letter in said:
            came = Delivery(letter.body, {}, None, letter.name, letter.subject)
            self._fate.note("says", told_of(came))
        return await self._fate.travel(lambda told: self._arrive(said, told))

    def _arrive(self, letters: list[Letter], told: asyncio.Future[list[bool]]) -> None:
        fate = self._fate
        arrived = [False] * len(letters)
        away = fate.is_down("broker")
        for number, letter in enumerate(letters):
            if not away and not fate.strikes("letters_are_lost"):
                self._broker.take(letter)
                arrived[number] = not fate.strikes("confirms_are_lost")
        seconds = fate.delay() + (fate.moment(5.0) if away else 0.0)
        fate.loop.later(seconds, lambda: None if told.done() else told.set_result(arrived))


@dataclass(frozen=True)
class Exchanges:
    """In the place of FastStream's broker: where an `Ear` and `say` publish."""

    broker: Broker

    @dataclass(frozen=True)
    class Config:
        app_id: str = WORKERS

    config: Config = Config()

    async def publish(
        self,
        body: bytes,
        *,
        exchange: RabbitExchange,
        routing_key: str,
        message_id: str | None,
        message_type: str | None,
        correlation_id: str | None,
        headers: Mapping[str, Any],
        **rest: object,
    ) -> None:
        delivery = Delivery(body, headers, message_id, message_type, correlation_id)
        broker, fate = self.broker, self.broker.fate

        def arrive(told: asyncio.Future[bool]) -> None:
            away = fate.is_down("broker")
            fate.loop.later(
                fate.delay(), lambda: None if told.done() else told.set_result(not away)
            )
            if away:
                return
            if exchange.name == "dead":
                grave = str(message_type), str(headers[REASON]), str(headers[ERROR])
                broker.graves.append(grave)
            elif exchange.name.startswith("retry."):
                broker.postponed.append(routing_key)
                broker.resting.add(message_id)
                seconds = float(exchange.name.removeprefix("retry.").removesuffix("s"))
                fate.loop.later(seconds, lambda: broker.put(routing_key, delivery))
            else:
                broker._route(routing_key, delivery, fate.moment(TAKES))

        if not await fate.travel(arrive):
            raise ConnectionError("the broker is away")


def told_of(delivery: Delivery) -> str:
    """What a message is about, for who reads the log."""
    step = step_of(delivery)
    where = f"{step.phase}/{step.part}/{step.attempt}" if step else ""
    return f"{delivery.kind} {delivery.subject} {where}"


def step_of(delivery: Delivery) -> StepRef | None:
    """The step that a message answers or orders, if it does."""
    if delivery.kind not in (*ANSWERS, RunPhase.name) or not delivery.body.startswith(b"{"):
        return None
    return StepRef.model_validate_json(delivery.body)
