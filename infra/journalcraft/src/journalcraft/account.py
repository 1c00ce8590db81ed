"""The local user: made once for a state folder, known to nobody else."""

import contextlib
import os
import secrets
from pathlib import Path

import httpx

from journal_client.client import Client
from journal_client.problems import Refused
from journal_contracts.api import Credentials
from journalcraft.files import write_private

EMAIL = "you@journalcraft.local"


def credentials_of(state: Path) -> Credentials:
    """The local user's credentials, drawn if there are none."""
    place = state / "account.json"
    if not place.exists():
        drawn = Credentials(email=EMAIL, password=secrets.token_urlsafe(32))
        fresh = place.with_name(f"account.{secrets.token_hex(4)}")
        write_private(fresh, drawn.model_dump_json())
        with contextlib.suppress(FileExistsError):  # another command was first: its user is ours
            os.link(fresh, place)
        fresh.unlink()
    return Credentials.model_validate_json(place.read_text())


async def sign_in(client: Client) -> None:
    """Sign in; an account that is not known yet is opened."""
    try:
        await client.login()
    except Refused as refused:
        if refused.problem.status != httpx.codes.UNAUTHORIZED:
            raise
        with contextlib.suppress(Refused):  # opened by another command meanwhile
            await client.register()
        await client.login()
