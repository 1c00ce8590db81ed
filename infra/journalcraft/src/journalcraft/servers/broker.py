"""Where RabbitMQ's own scripts and Erlang are: on the machine, or fetched once from Debian."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from journalcraft.servers.debs import DownloadFailed, locked, remove_half_unpacked, unpack
from journalcraft.servers.server import ServerNotFound

OLDEST = (3, 10)  # the first with dead letters that are not lost
DEBIAN = Path("/usr/lib/rabbitmq/bin")
OURS = r"rabbitmq-server$|erlang-(?!base-hipe)"
ADVICE = "Type: sudo apt-get install rabbitmq-server (or set JOURNALCRAFT_AMQP_URL)"


@dataclass(frozen=True)
class Broker:
    """The real start script (the one in /usr/sbin would change the user) and Erlang's folder."""

    script: Path
    erlang: Path
    libraries: tuple[Path, ...] = ()

    @property
    def epmd(self) -> Path:
        """Erlang's port mapper."""
        return self.erlang / "epmd"

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need to find each other."""
        found = {"PATH": f"{self.erlang}:/usr/local/bin:/usr/bin:/bin"}
        if self.libraries:
            found["LD_LIBRARY_PATH"] = ":".join(map(str, self.libraries))
        return found


def find_broker(cache: Path, say: Callable[[str], None]) -> Broker:
    """The machine's, if it is new enough; else one unpacked into the cache, shared by all runs."""
    for broker in _installed():
        if _is_new_enough(broker):
            return broker
    with locked(cache):
        root = cache / "rabbitmq"
        if not root.exists():
            _fetch(root, say)
    fetched = _unpacked(root)
    if not _is_new_enough(fetched):
        raise ServerNotFound(f"Debian's RabbitMQ is older than {OLDEST} here. {ADVICE}")
    return fetched


def _installed() -> Iterator[Broker]:
    erl = shutil.which("erl")
    on_path = shutil.which("rabbitmq-server")
    for folder in (Path(on_path).resolve().parent if on_path else None, DEBIAN):
        if erl and folder and (folder / "rabbitmq-env").exists():
            yield Broker(folder / "rabbitmq-server", Path(erl).resolve().parent)


def _unpacked(root: Path) -> Broker:
    libraries = tuple(root.glob("usr/lib/*-linux-gnu*"))
    script = root / DEBIAN.relative_to("/") / "rabbitmq-server"
    return Broker(script, root / "usr/lib/erlang/bin", libraries)


def _is_new_enough(broker: Broker) -> bool:
    """The version stands in the name of its folder; one without it was put there by hand."""
    version = re.search(r"rabbitmq_server-(\d+)\.(\d+)", str(broker.script.resolve()))
    return not version or (int(version[1]), int(version[2])) >= OLDEST


def _fetch(root: Path, say: Callable[[str], None]) -> None:
    say("Fetching RabbitMQ from Debian's packages, once (about 35 MB, nothing is installed)")
    remove_half_unpacked(root.parent)
    try:
        unpack("rabbitmq-server", OURS, root, _make_movable)
    except DownloadFailed as failure:
        raise ServerNotFound(f"No RabbitMQ on this machine: {failure}. {ADVICE}") from failure


def _make_movable(root: Path) -> None:
    """Debian's `erl` believes that it lies in /usr/lib; let it look where it is."""
    erl = root / "usr/lib/erlang/bin/erl"
    here = 'ROOTDIR="$(dirname "$(dirname "$(readlink -f "$0")")")"'
    erl.write_text(re.sub(r"ROOTDIR=/usr/lib/erlang\b", here, erl.read_text()))
