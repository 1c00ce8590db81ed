"""Places where the fault run kills a process: between two lines, both of which must survive it.

`JCC_FAILPOINT_FILE` names a file; on SIGUSR1 the process reads `<point>/<about>` from it, and when
it comes to that point, working on that, it is killed as by `kill -9`. Without the variable no
signal is heard and nothing is ever armed.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

_armed: tuple[str, str] | None = None


def reach(point: str, about: Iterable[str]) -> None:
    """Die here, if this point is armed and what is worked on is among `about`."""
    if _armed is not None and point == _armed[0] and _armed[1] in about:
        os.kill(os.getpid(), signal.SIGKILL)


def _arm(number: int, frame: FrameType | None) -> None:
    global _armed  # noqa: PLW0603 - one process, one death
    point, _, about = Path(os.environ["JCC_FAILPOINT_FILE"]).read_text().strip().partition("/")
    _armed = (point, about)


if "JCC_FAILPOINT_FILE" in os.environ:
    signal.signal(signal.SIGUSR1, _arm)
