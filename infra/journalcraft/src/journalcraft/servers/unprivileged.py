"""PostgreSQL refuses to run as root: who it runs as instead, in folders that one can reach."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

NOBODY = 65534
SHARED = Path("/var/tmp")  # noqa: S108 - each folder in it is made by mkdtemp and owned by root
PREFIX = "journalcraft-"


def runs_as() -> int | None:
    """The uid to drop to, or None when we are nobody special ourselves."""
    return NOBODY if os.geteuid() == 0 else None


def can_reach(path: Path) -> bool:
    """True when anybody may enter every folder on the way and use what is at its end."""
    path = path.resolve()
    needed = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & needed == needed and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in path.parents
    )


def reachable_folder(folder: Path) -> Path:
    """The folder itself, or one in /var/tmp that stands for it: noted there, found there again."""
    folder.mkdir(exist_ok=True)
    if runs_as() is None or can_reach(folder):
        return folder
    note = folder / "elsewhere"
    if note.exists() and Path(note.read_text()).is_dir():
        return Path(note.read_text())
    _sweep()
    stand_in = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHARED))
    stand_in.chmod(0o755)
    (stand_in / "stands-for").write_text(str(folder))
    note.write_text(str(stand_in))
    return stand_in


def give(folder: Path) -> Path:
    """Make a private folder that belongs to whoever the server runs as."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if (uid := runs_as()) is not None:
        os.chown(folder, uid, uid)
    return folder


def reachable_package(package: Path, libraries: Path, folder: Path) -> Path:
    """The installed package, or a copy of it and of the libraries that must lie beside it."""
    if runs_as() is None or can_reach(package):
        return package
    for source in (package, libraries):
        shutil.copytree(source, folder / source.name, symlinks=True, dirs_exist_ok=True)
    return folder / package.name


def _sweep() -> None:
    """Remove the stand-ins of folders that are gone, such as those of earlier test runs."""
    for stand_in in SHARED.glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another run may sweep at the same time
            ours = stand_in.stat().st_uid == 0
            if ours and not Path((stand_in / "stands-for").read_text()).is_dir():
                shutil.rmtree(stand_in, ignore_errors=True)
