"""RabbitMQ: where messages travel (`topology`), how they are said and how they are heard."""

from chassis.broker.connection import connect, open_broker, ping
from chassis.broker.hearing import hear, hear_on_every_replica
from chassis.broker.saying import BrokerAway, say
from chassis.broker.topology import declare, exchange_of, queue_of

__all__ = [
    "BrokerAway",
    "connect",
    "declare",
    "exchange_of",
    "hear",
    "hear_on_every_replica",
    "open_broker",
    "ping",
    "queue_of",
    "say",
]
