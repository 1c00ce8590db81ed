"""The port people type: a certain one, or the next that is free."""

import socket
from typing import Final

from journalcraft.servers.ports import HOST, Ports

TRIES: Final = 100


class NoDoor(RuntimeError):
    """Every port that was tried is taken."""


def reserve_from(first: int) -> Ports:
    """The first port from this one on that nobody listens on and no other platform has reserved."""
    for number in range(first, first + TRIES):
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0journalcraft-port-{number}")  # the name that `servers.ports` marks with
            _listen_once(number)
        except OSError:
            mark.close()
        else:
            return Ports((number,), (mark,))
    raise NoDoor(f"Every port from {first} to {first + TRIES - 1} is taken.")


def _listen_once(number: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        probe.bind((HOST, number))
        probe.listen()
