"""The peers, and the Python they live in: `.tools/bench`, made from `requirements/bench.lock`."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.report import ROOT

LOCK: Final = ROOT / "requirements" / "bench.lock"
HOME: Final = ROOT / ".tools" / "bench"


class NotInstalled(RuntimeError):
    """The peers cannot be had on this machine."""


def python() -> Path:
    """Their interpreter; what it needs is installed when the lock has changed."""
    found, note = HOME / "bin" / "python", HOME / "installed"
    if not note.exists() or note.read_text() != LOCK.read_text():
        uv = _uv()
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(HOME))
        _run(
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(found),
            "--require-hashes",
            "-r",
            str(LOCK),
        )
        note.write_text(LOCK.read_text())
    return found


def _uv() -> str:
    beside = (Path(sys.executable).with_name("uv"), ROOT / ".tools" / "uv" / "bin" / "uv")
    uv = shutil.which("uv") or next((str(path) for path in beside if path.exists()), None)
    if uv is None:
        raise NotInstalled("there is no uv")
    return uv


def _run(*words: str) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(done.stderr.strip()[-300:])
