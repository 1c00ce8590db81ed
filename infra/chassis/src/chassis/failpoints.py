"""Places where the fault run kills a process: between two lines, both of which must survive it.

After `arm_by(file)`, SIGUSR1 makes the process read `<point>/<about>` from that file; when it comes
to that point, working on that, it is killed as by `kill -9`. Else no signal is heard and nothing is
ever armed.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

_armed: tuple[str, str] | None = None


def reach(point: str, about: Iterable[str]) -> None:
    """Die here, if this point is armed and what is worked on is among `about`."""
    if _armed is not None and point == _armed[0] and _armed[1] in about:
        os.kill(os.getpid(), signal.SIGKILL)


def arm_by(file: Path) -> None:
    """Hear the signal from now on; only the main thread may ask for that."""

    def arm(*signalled: object) -> None:
        global _armed  # noqa: PLW0603 - one process, one death
        point, _, about = file.read_text().strip().partition("/")
        _armed = (point, about)

    signal.signal(signal.SIGUSR1, arm)
