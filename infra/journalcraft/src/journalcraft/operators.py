"""The local user is this platform's operator: it runs on the user's own machine.

Said as anywhere else, by the command of the auth service on the server; once for a state folder.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from journal_client.connection import REGISTER
from journalcraft.account import credentials_of
from journalcraft.keeper import DidNotStart

PATIENCE: Final = 60


def appoint(auth: str, state: Path, environment: Mapping[str, str]) -> None:
    """Make the local user an operator, with an account if there is none yet."""
    done = state / "operator"
    if done.exists():
        return
    credentials = credentials_of(state)
    with httpx.Client(base_url=auth, trust_env=False, timeout=PATIENCE) as client:
        opened = client.post(REGISTER, json=credentials.model_dump())
    if opened.is_error:
        raise DidNotStart(f"The local user has no account: {opened.text}")
    granted = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "auth_service",
            "grant-operator",
            credentials.email,
            "--vouched",
        ],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if granted.returncode:
        raise DidNotStart(f"The local user is no operator:\n{granted.stderr.strip()}")
    done.touch()
