"""Plain FastStream on the hot queues, and no batches: what ours would be without them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika.exceptions import AMQPException
from faststream.rabbit import RabbitBroker

from chassis.broker import BrokerAway, Letter, Speaker, connect
from chassis.broker.saying import say_encoded
from orchestrator_service.engine import transitions


@dataclass
class PlainSpeaker(Speaker):
    """One `broker.publish` a letter."""

    _broker: RabbitBroker | None = None

    async def say_all(self, letters: Sequence[Letter]) -> list[bool]:
        if self._broker is None:
            self._broker = connect(self.service, self.url)
            await self._broker.start()
        return await asyncio.gather(*(self._publish(self._broker, each) for each in letters))

    async def close(self) -> None:
        if self._broker is not None:
            await self._broker.stop()

    async def _publish(self, broker: RabbitBroker, letter: Letter) -> bool:
        try:
            await say_encoded(
                broker,
                letter.name,
                letter.body,
                routing_key=letter.routing_key,
                message_id=letter.id,
                subject=letter.subject,
            )
        except (AMQPException, BrokerAway):
            return False
        return True


def install() -> None:
    """Let this process's engine move one journal a commit."""
    transitions.MOST_JOURNALS = 1  # type: ignore[misc]
    transitions.BATCHES = 6  # type: ignore[misc] # as many as its pool has connections
