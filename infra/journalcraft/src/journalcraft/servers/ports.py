"""Free ports on the loopback, reserved so that two stacks never race for one."""

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

HOST = "127.0.0.1"
FIRST, LAST = 20_000, 31_999  # the kernel takes the ports of outgoing connections from 32768 up
ALONE, WITH_TWIN = (0,), (0, 10_000)  # a port; a port and the one ten thousand above it
TRIES = 1000


class NoFreePort(RuntimeError):
    """Every port that was tried is taken."""


@dataclass(frozen=True)
class Ports:
    """Ports kept for us until they are released, or until this process ends in whatever way."""

    numbers: tuple[int, ...]
    marks: tuple[socket.socket, ...]

    def release(self) -> None:
        """Let others have them."""
        for mark in self.marks:
            mark.close()


def reserve(wanted: Iterable[tuple[int, ...]]) -> Ports:
    """Find ports nobody listens on and no other stack of this machine has reserved."""
    numbers: list[int] = []
    marks: list[socket.socket] = []
    for offsets in wanted:
        found = _reserve_group(offsets)
        numbers += found
        marks += found.values()
    return Ports(tuple(numbers), tuple(marks))


def ask(port: int, question: bytes) -> bytes:
    """What the server on the port answers first; nothing when nobody answers in time."""
    try:
        with socket.create_connection((HOST, port), timeout=0.5) as connection:
            connection.sendall(question)
            return connection.recv(4096)
    except OSError:
        return b""


def _reserve_group(offsets: tuple[int, ...]) -> dict[int, socket.socket]:
    last = min(LAST, 32_767 - max(offsets))
    for first in random.sample(range(FIRST, last + 1), TRIES):
        found = {first + offset: _mark(first + offset) for offset in offsets}
        marks = {number: mark for number, mark in found.items() if mark}
        if len(marks) == len(offsets):
            return marks
        Ports((), tuple(marks.values())).release()
    raise NoFreePort(f"no free port between {FIRST} and {last}")


def _mark(number: int) -> socket.socket | None:
    """A name in the kernel's abstract namespace says "mine" at once and dies with its owner."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0journalcraft-port-{number}")
    except OSError:
        mark.close()
        return None
    if _is_free(number):
        return mark
    mark.close()
    return None


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((HOST, number))
            probe.listen()  # two may bind with this option, one may listen
        except OSError:
            return False
        return True
