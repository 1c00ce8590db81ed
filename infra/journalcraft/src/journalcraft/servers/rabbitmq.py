"""RabbitMQ: one node on the loopback, with a port mapper (epmd) of its own."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from journalcraft.servers.broker import Broker, find_broker
from journalcraft.servers.passwords import Passwords, write_private
from journalcraft.servers.ports import ALONE, HOST, ask
from journalcraft.servers.process import Program
from journalcraft.servers.slim import slim_home

HELLO = b"AMQP\x00\x00\x09\x01"
NODE = "journal@localhost"
USER = "journal"
CONFIG = """
listeners.tcp.local = {host}:{port}
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
log.console = true
log.console.level = warning
log.file = false
raft.wal_max_size_bytes = 33554432
"""
ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none -start_epmd false"


@dataclass(frozen=True)
class RabbitMQ:
    """A node whose user may do everything."""

    broker: Broker
    home: Path
    folder: Path
    password: str

    name: ClassVar[str] = "rabbitmq"
    ports_needed: ClassVar[tuple[tuple[int, ...], ...]] = (ALONE, ALONE, ALONE)

    def programs(self, ports: tuple[int, ...]) -> tuple[Program, ...]:
        """The port mapper, and the node."""
        amqp, mapper, distribution = ports
        text = CONFIG.format(host=HOST, port=amqp, user=USER, password=self.password)
        write_private(self.folder / "rabbitmq.conf", text)
        env = self._environment(mapper, distribution)
        epmd = Program(
            name="epmd",
            argv=(str(self.broker.epmd), "-address", HOST, "-port", str(mapper)),
            folder=self.folder,
            answers=lambda: bool(ask(mapper, b"\x00\x01n")),
            words=("epmd",),
            env=env,
        )
        node = Program(
            name=self.name,
            argv=(str(self.home / "sbin" / "rabbitmq-server"),),
            folder=self.folder,
            answers=lambda: bool(ask(amqp, HELLO)),
            words=("rabbitmq", "beam"),
            env=env,
        )
        return (epmd, node)

    def address(self, ports: tuple[int, ...]) -> str:
        """The default vhost."""
        return f"amqp://{USER}:{self.password}@{HOST}:{ports[0]}/"

    def control(self, ports: tuple[int, ...], *words: str) -> str:
        """What `rabbitmqctl` says to these words."""
        _, mapper, distribution = ports
        command = (str(self.home / "sbin" / "rabbitmqctl"), "-q", *words)
        env = self._environment(mapper, distribution)
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout

    def _environment(self, mapper: int, distribution: int) -> dict[str, str]:
        return {
            **self.broker.environment,
            "HOME": str(self.folder),  # the cookie is there
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(self.folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PLUGINS_DIR": str(self.home / "plugins"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            "RUNNING_UNDER_SYSTEMD": "true",  # the start script becomes the node: one pid
        }


def prepare(state: Path, passwords: Passwords, cache: Path, say: Callable[[str], None]) -> RabbitMQ:
    """Find the broker, fetching it once where it must be, and make its folder."""
    broker = find_broker(cache, say)
    folder = state / "rabbitmq"
    folder.mkdir(mode=0o700, exist_ok=True)
    write_private(folder / ".erlang.cookie", passwords.cookie)
    write_private(folder / "plugins", "[].")
    home = slim_home(broker.script, folder / "home")
    return RabbitMQ(broker, home, folder, passwords.rabbitmq)
