"""What can be done on the server alone: `python -m auth_service <command>`.

grant-operator EMAIL [--until 2027-01-31] [--vouched]    revoke-operator EMAIL
rotate-keys                                  revoke-key KID
rewrap-vault
erasures [--open]                            erase-again [USER_ID ...]
"""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from auth_service import audit, erasures, operators, vault
from auth_service.envelopes import Envelopes
from auth_service.keys import Keys, KeyTooNew, NoSuchKey
from auth_service.operators import NoSuchAccount, NotVerified
from auth_service.settings import Settings
from chassis.database import Database

log: Final = structlog.get_logger()


def run(words: Sequence[str]) -> None:
    """Do what was typed; ends the process with a sentence where that cannot be done."""
    typed = _parser().parse_args(words)
    try:
        asyncio.run(_run(typed))
    except NoSuchAccount as error:
        raise SystemExit(f"Nobody has the address {error}.") from None
    except NotVerified as error:
        raise SystemExit(
            f"Whose {error} is was not verified. --vouched says that you know it."
        ) from None
    except NoSuchKey as error:
        raise SystemExit(f"No key that holds is called {error}.") from None
    except KeyTooNew as error:
        raise SystemExit(f"{error} Try again in two minutes.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m auth_service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("grant-operator", "revoke-operator"):
        command = commands.add_parser(name)
        command.add_argument("email")
        command.add_argument("--by", default=getpass.getuser(), help="who says so, for the record")
        if name.startswith("grant"):
            command.add_argument("--until", type=_moment, help="a date or a moment, in UTC")
            command.add_argument("--vouched", action="store_true", help="you know whose it is")
    commands.add_parser("rotate-keys")
    commands.add_parser("rewrap-vault")
    commands.add_parser("erasures").add_argument("--open", action="store_true")
    commands.add_parser("erase-again").add_argument("user_id", type=UUID, nargs="*")
    commands.add_parser("revoke-key").add_argument("kid")
    return parser


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def _run(typed: argparse.Namespace) -> None:
    settings = Settings()
    async with Database.open(settings.database_url.get_secret_value()) as database:
        match typed.what:
            case "grant-operator":
                await operators.grant(
                    database, typed.email, typed.by, typed.until, vouched=typed.vouched
                )
            case "revoke-operator":
                await operators.revoke(database, typed.email, typed.by)
            case "rotate-keys":
                await rotate(database, Keys(settings.signing_key.get_secret_value()))
            case "rewrap-vault":
                await rewrap(database, Envelopes(settings.vault_keys.get_secret_value()))
            case "erasures":
                for line in await receipts(database, only_open=typed.open):
                    sys.stdout.write(f"{line}\n")
            case "erase-again":
                await erase_again(database, typed.user_id)
            case "revoke-key":
                await revoke(database, Keys(settings.signing_key.get_secret_value()), typed.kid)


async def rotate(database: Database, keys: Keys) -> None:
    """Let the next key sign."""
    async with database.transaction() as session:
        kid = await keys.rotate(session)
        await audit.append(session, "signing_key_rotated", None, kid=kid)
    log.warning("signing_key_rotated", audit=True, kid=kid)


async def revoke(database: Database, keys: Keys, kid: str) -> None:
    """Let nothing hold that this key has signed."""
    async with database.transaction() as session:
        await keys.revoke(session, kid)
        await audit.append(session, "signing_key_revoked", None, kid=kid)
    log.warning("signing_key_revoked", audit=True, kid=kid)


async def rewrap(database: Database, envelopes: Envelopes) -> int:
    """Wrap all of the vault with its current key: how many were. The others are needed no more."""
    done = 0
    while True:
        async with database.transaction() as session:
            some = await vault.rewrap_some(session, envelopes)
        if not some:
            break
        done += some
    async with database.transaction() as session:
        told = {"data_keys": done, "kek": envelopes.current}
        await audit.append(session, "vault_rewrapped", None, **told)
    log.warning("vault_rewrapped", audit=True, **told)
    return done


async def receipts(database: Database, *, only_open: bool) -> list[str]:
    """A line of JSON for each erasure: whose, since when, who has confirmed it, and whether all."""
    async with database.transaction() as session:
        found = await erasures.receipts(session, only_open=only_open)
    return [
        json.dumps(
            {
                **erasure.model_dump(mode="json", exclude={"said_at", "services"}),
                "waits_for": sorted(
                    set(erasure.services)
                    - {r.service for r in confirmed if r.round == erasure.round}
                ),
                "confirmed": [r.model_dump(mode="json", exclude={"user_id"}) for r in confirmed],
            }
        )
        for erasure, confirmed in found
    ]


async def erase_again(database: Database, user_ids: Sequence[UUID]) -> int:
    """After a restore: the running service asks all services anew, for all who ever left."""
    async with database.transaction() as session:
        asked = await erasures.again(session, user_ids)
        await audit.append(session, "erased_again", None, users=asked)
    log.warning("erased_again", audit=True, users=asked)
    return asked
