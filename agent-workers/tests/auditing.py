"""`python auditing.py STATE DEED`: what a process does to the world around it, as JSON.

`crew` imports CrewAI as a worker does and lets it do fifty tasks; `mischief` does what is watched
for, to show that it is seen.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

RUNS: Final = 50
CALLS: Final = {
    *("socket.connect", "socket.sendto", "socket.sendmsg"),
    *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request"),
}
CHANGES: Final = {
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "sqlite3.connect"),
}
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Remembers calls to the outside, and writes outside one folder."""

    def __init__(self, state: Path) -> None:
        self.seen: list[str] = []
        self._free = (str(state.resolve()), os.devnull)
        self._handlers = _handlers()
        sys.addaudithook(self._hear)

    @property
    def replaced(self) -> list[str]:
        """Signals that another handler was set for."""
        now = _handlers()
        return [name for name, handler in self._handlers.items() if now[name] != handler]

    def _hear(self, event: str, about: tuple[Any, ...]) -> None:
        if event in CALLS:
            self.seen.append(f"{event} {about[1:]}")
        elif event in CHANGES or (event == "open" and about[2] & WRITING):
            self._changed(event, about[0])

    def _changed(self, event: str, path: Any) -> None:
        if isinstance(path, int):  # opened before, by a name that was heard
            return
        whole = os.path.abspath(os.fsdecode(path))
        if not whole.startswith(self._free):
            self.seen.append(f"{event} {whole}")


def crew(state: Path) -> None:
    """As in `agent_workers.__main__`, with a model that knows its answer."""
    import_module("agent_workers.environment").prepare(state)
    crewing = import_module("agent_workers.crewing")
    layout = import_module("journal_contracts.artifacts").Layout
    builder = import_module("agent_workers.crews.pdf_builder")
    answer = layout(heading_font="Lora", body_font="Nunito", ornament="leaf", picture_shape="arch")

    async def instant(messages: Any, wanted: Any) -> str:
        return str(answer.model_dump_json())

    async def work() -> None:
        for _ in range(RUNS):
            running = crewing.perform(builder.AGENT, builder.TASK, layout, instant)
            assert await asyncio.create_task(running) == answer

    with crewing.quiet():
        asyncio.run(work())


def mischief(state: Path) -> None:
    """One of each kind, beside what is allowed."""
    (state / "allowed").write_text("")
    (state.parent / "outside").write_text("")
    socket.getaddrinfo("127.0.0.1", 9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect(("127.0.0.1", 9))
    signal.signal(signal.SIGTERM, lambda *_: None)


DEEDS: Final[dict[str, Callable[[Path], None]]] = {"crew": crew, "mischief": mischief}


def _handlers() -> dict[str, Any]:
    return {each.name: signal.getsignal(each) for each in signal.valid_signals() if _has_name(each)}


def _has_name(each: Any) -> bool:
    return isinstance(each, signal.Signals)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    tempfile.gettempdir()  # it tries the folder out, once; what is written there later is seen
    watch = Watch(Path(sys.argv[1]))
    DEEDS[sys.argv[2]](Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"seen": watch.seen, "replaced": watch.replaced}))
