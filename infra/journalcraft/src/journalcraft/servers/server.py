"""What the stack asks of each server, and how it says that one cannot be found."""

from typing import Protocol

from journalcraft.servers.process import Program


class ServerNotFound(RuntimeError):
    """The server is not on this machine; the message is a sentence that says what to type."""


class Server(Protocol):
    """A server that is prepared: its program is found and its folder made."""

    @property
    def name(self) -> str:
        """The name people restart it by."""

    @property
    def ports_needed(self) -> tuple[tuple[int, ...], ...]:
        """The free ports it is given, as `ports.reserve` wants them."""

    def programs(self, ports: tuple[int, ...]) -> tuple[Program, ...]:
        """What to start, in this order."""

    def address(self, ports: tuple[int, ...]) -> str:
        """Its URL, with user and password."""
