"""RabbitMQ: where messages travel (`topology`), how they are said, heard, and buried (`graves`)."""

from chassis.broker.connection import connect, open_broker, ping
from chassis.broker.graves import DeadLetter, QueueGone, hear_the_dead, send_back
from chassis.broker.hearing import NotForMe, hear, hear_on_every_replica
from chassis.broker.hot import hearing_hot
from chassis.broker.saying import BrokerAway, Letter, letter_of, say
from chassis.broker.speaking import Speaker
from chassis.broker.topology import declare, exchange_of, queue_of

__all__ = [
    "BrokerAway",
    "DeadLetter",
    "Letter",
    "NotForMe",
    "QueueGone",
    "Speaker",
    "connect",
    "declare",
    "exchange_of",
    "hear",
    "hear_on_every_replica",
    "hear_the_dead",
    "hearing_hot",
    "letter_of",
    "open_broker",
    "ping",
    "queue_of",
    "say",
    "send_back",
]
