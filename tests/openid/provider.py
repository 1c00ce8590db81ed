"""The provider, as a process; it may be stopped, and started anew with other keys."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import RSAKey

from tests.apart import TOOLS, node_of

PROGRAM: Final = Path(__file__).with_name("provider.js")
CLIENT, SECRET = "journal-craft-crew", "a secret of the tests and nobody else"
NAME: Final = "certified"


def told_of(name: str, port: int) -> dict[str, str]:
    """What the settings say of a provider on this machine."""
    issuer = f"http://127.0.0.1:{port}"
    named = {"name": name, "title": name.title(), "issuer": issuer}
    return {**named, "client_id": CLIENT, "client_secret": SECRET}


def new_key(kid: str) -> dict[str, Any]:
    key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)
    return dict(key.as_dict(private=True))


@dataclass
class Provider:
    """On a port of its own, for a platform whose door is at `door`."""

    port: int
    door: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [new_key("first")])
    _process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        client = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [f"{self.door}/v1/auth/oidc/{NAME}/callback"],
        }
        told = {
            "issuer": self.issuer,
            "port": self.port,
            "clients": [client],
            "keys": self.keys,
        }
        node = node_of("openid")
        program = TOOLS / "openid" / PROGRAM.name  # where its imports are found
        program.write_text(PROGRAM.read_text())
        self._process = subprocess.Popen(
            [node, str(program)],
            env={**os.environ, "OPENID": json.dumps(told), "NODE_NO_WARNINGS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "ready\n":
            assert line, "the provider did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def turn(self) -> None:
        """From now on it signs with another key, and knows nothing of the one before."""
        self.stop()
        self.keys = [new_key("second")]
        self.start()
