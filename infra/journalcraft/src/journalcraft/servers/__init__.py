"""Real RabbitMQ, PostgreSQL, Redis and S3 without Docker and without root."""

from journalcraft.servers.databases import create_database
from journalcraft.servers.ports import NoFreePort
from journalcraft.servers.process import ServerDidNotStart
from journalcraft.servers.server import ServerNotFound
from journalcraft.servers.stack import (
    Addresses,
    ServerNotOurs,
    Servers,
    StateFolderBusy,
    start_servers,
)

__all__ = [
    "Addresses",
    "NoFreePort",
    "ServerDidNotStart",
    "ServerNotFound",
    "ServerNotOurs",
    "Servers",
    "StateFolderBusy",
    "create_database",
    "start_servers",
]
