"""A server that was started here: its programs, its ports, and how it comes back on them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from journalcraft.servers.ports import Ports, reserve
from journalcraft.servers.process import Process, ServerDidNotStart
from journalcraft.servers.server import Server

ATTEMPTS = 3  # a program that is not ours may take a port between our look and our start


@dataclass
class Running:
    """One server with the processes that make it up, in the order of their start."""

    server: Server
    state: Path
    ports: Ports
    processes: list[Process]

    @property
    def address(self) -> str:
        """Its URL."""
        return self.server.address(self.ports.numbers)

    def stop(self) -> None:
        """Stop it and give its ports back."""
        self._end(kill=False)
        self.ports.release()

    def restart(self, *, kill: bool) -> None:
        """Stop or kill it, then start it on the same ports with the same data."""
        self._end(kill=kill)
        self.processes = _launch(self.server, self.state, self.ports)

    def _end(self, *, kill: bool) -> None:
        for process in reversed(self.processes):
            process.stop(kill=kill)
        self.processes = []


def start(prepare: Callable[[], Server], state: Path, undo: ExitStack) -> Running:
    """Prepare a server and start it, on other ports if these do not do; `undo` will stop it."""
    server = prepare()
    for attempt in range(1, ATTEMPTS + 1):
        ports = reserve(server.ports_needed)
        try:
            running = Running(server, state, ports, _launch(server, state, ports))
        except ServerDidNotStart:
            ports.release()
            if attempt == ATTEMPTS:
                raise
        else:
            undo.callback(running.stop)
            return running
    raise AssertionError("unreachable")


def _launch(server: Server, state: Path, ports: Ports) -> list[Process]:
    """One program after the other, each when the one before it answers; all of them or none."""
    started: list[Process] = []
    try:
        for program in server.programs(ports.numbers):
            started.append(Process(program, state))
            started[-1].wait_until_it_answers()
    except BaseException:
        for process in reversed(started):
            process.stop()
        raise
    return started
