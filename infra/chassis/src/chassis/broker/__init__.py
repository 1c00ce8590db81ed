"""RabbitMQ: where messages travel (`topology`), how they are said and how they are heard."""

from chassis.broker.connection import connect, open_broker, ping
from chassis.broker.hearing import hear, hear_on_every_replica
from chassis.broker.hot import Speaker, hearing_hot
from chassis.broker.saying import BrokerAway, Letter, letter_of, say
from chassis.broker.topology import declare, exchange_of, queue_of

__all__ = [
    "BrokerAway",
    "Letter",
    "Speaker",
    "connect",
    "declare",
    "exchange_of",
    "hear",
    "hear_on_every_replica",
    "hearing_hot",
    "letter_of",
    "open_broker",
    "ping",
    "queue_of",
    "say",
]
