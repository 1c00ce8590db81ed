"""What can be done on the server alone: `python -m auth_service <command>`.

grant-operator EMAIL [--until 2027-01-31] [--vouched]    revoke-operator EMAIL
rotate-keys                                  revoke-key KID
rewrap-vault
"""

import argparse
import asyncio
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from auth_service import audit, operators, vault
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
