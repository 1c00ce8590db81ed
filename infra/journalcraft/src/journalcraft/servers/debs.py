"""Debian's packages without root: downloaded from the machine's own sources, then unpacked."""

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """
Dir::Etc::Parts "/dev/null";
Dir::Etc::Main "/dev/null";
Dir::State::Lists "{work}/lists";
Dir::Cache "{work}";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
"""
INHERITED = re.compile(r"Acquire::(?!IndexTargets)|APT::Architecture")
HARD_DEPENDENCIES = tuple(
    f"--no-{kind}"
    for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
)


class DownloadFailed(RuntimeError):
    """The packages could not be had; the message is what apt said."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time in this folder, across processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpack(package: str, ours: str, place: Path, finish: Callable[[Path], None]) -> None:
    """Put the package, those it needs by the names `ours`, and missing libraries under `place`.

    `finish` sees the unpacked tree before it appears there, at once and whole.
    """
    work = Path(tempfile.mkdtemp(prefix="unpacking-", dir=place.parent))
    try:
        root = work / "root"
        root.mkdir()
        for archive in _download(package, re.compile(ours), work):
            _run(work, "dpkg", "-x", str(archive), str(root))
        finish(root)
        root.replace(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove_half_unpacked(cache: Path) -> None:
    """What a killed run left; the caller holds the lock."""
    for work in cache.glob("unpacking-*"):
        shutil.rmtree(work, ignore_errors=True)


def _download(package: str, ours: re.Pattern[str], work: Path) -> list[Path]:
    if not shutil.which("apt-get"):
        raise DownloadFailed("there is no apt-get here")
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    inherited = [line for line in _run(work, "apt-config", "dump") if INHERITED.match(line)]
    (work / "apt.conf").write_text("\n".join(inherited) + CONFIG.format(work=work))
    _run(work, "apt-get", "update", "-qq")
    wanted = [name for name in _closure(work, package) if ours.match(name)]
    libraries = [
        name
        for name in _closure(work, *(name for name in wanted if name != package))
        if name.startswith("lib")
    ]
    _run(work, "apt-get", "download", "-qq", *wanted, *_not_installed(work, libraries))
    return sorted(work.glob("*.deb"))


def _closure(work: Path, *packages: str) -> list[str]:
    """The packages and all they need, named once; lines that are indented tell why."""
    if not packages:
        return []
    lines = _run(work, "apt-cache", "depends", "--recurse", *HARD_DEPENDENCIES, *packages)
    return [line for line in lines if re.match(r"[a-z0-9]", line)]


def _not_installed(work: Path, packages: list[str]) -> list[str]:
    known = _run(work, "dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n")
    installed = {line.split()[0] for line in known if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def _run(work: Path, *command: str) -> list[str]:
    """Run with the environment's proxies and our own apt settings; the lines that it said."""
    settings = ("env", f"APT_CONFIG={work / 'apt.conf'}", "LC_ALL=C")
    done = subprocess.run(
        (*settings, *command), cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DownloadFailed(f"{' '.join(command[:2])} said: {done.stderr.strip()[-500:]}")
    return done.stdout.splitlines()
