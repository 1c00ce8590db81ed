"""A database and a role for each service: it can enter its own, and nobody else can."""

import asyncio
import contextlib
import hashlib
import hmac
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import asyncpg

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def create_database(postgres_url: str, name: str) -> str:
    """Make the role and its database unless they exist, and return the URL to connect with.

    The password follows from the superuser's, so that asking again returns the same URL.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name for a database: {name!r}")
    secret = (urlsplit(postgres_url).password or postgres_url).encode()
    password = hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()
    with ThreadPoolExecutor(1) as thread:  # the caller may already be inside an event loop
        thread.submit(asyncio.run, _create(postgres_url, name, password)).result()
    address = urlsplit(postgres_url).netloc.rpartition("@")[2]
    return f"postgresql://{name}:{password}@{address}/{name}"


async def _create(url: str, name: str, password: str) -> None:
    """A checked name and a hexadecimal password: there is nothing to escape in them."""
    connection = await asyncpg.connect(url)
    try:
        with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            await connection.execute(f'CREATE ROLE "{name}"')
        await connection.execute(f"ALTER ROLE \"{name}\" LOGIN PASSWORD '{password}'")
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    finally:
        await connection.close()
