"""Watch journals being crafted, from outside: pip install journal-contracts faststream[rabbit].

python subscribe.py amqp://user:password@host:5672/
"""

import asyncio
import sys

from faststream import FastStream
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue

from journal_contracts.events import PhaseCompleted

broker = RabbitBroker(sys.argv[1], logger=None)
events = RabbitExchange("events", type=ExchangeType.TOPIC)
mine = RabbitQueue("", exclusive=True, routing_key=PhaseCompleted.name)


@broker.subscriber(mine, events)
async def on_completed(event: PhaseCompleted) -> None:
    """One line for each phase that is done."""
    sys.stdout.write(f"{event.journal_id} {event.phase}: {event.percent} %\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(FastStream(broker, logger=None).run())
