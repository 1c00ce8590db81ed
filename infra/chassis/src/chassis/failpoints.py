"""Places where the fault run kills a process: between two lines, both of which must survive it.

After `arm_by(file)`, SIGUSR1 makes the process read lines of `<point>/<about>` from that file; when
it comes to the first of these points, working on that, it leaves this one line there and is killed
as by `kill -9`. Else no signal is heard and nothing is ever armed.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

_armed: frozenset[str] = frozenset()
_note: Path | None = None


def reach(point: str, about: Iterable[str]) -> None:
    """Die here, if this point is armed for anything of what is worked on."""
    if not _armed or _note is None:
        return
    for each in about:
        if (reached := f"{point}/{each}") in _armed:
            _note.write_text(reached)
            os.kill(os.getpid(), signal.SIGKILL)


def arm_by(file: Path) -> None:
    """Hear the signal from now on; only the main thread may ask for that."""

    def arm(*signalled: object) -> None:
        global _armed, _note
        _armed, _note = frozenset(file.read_text().split()), file

    signal.signal(signal.SIGUSR1, arm)
