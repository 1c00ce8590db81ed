"""A message on its way to an address that a user named: signed, once, and never into our house.

Whatever the name resolves to is looked at before, and that very address is connected to: a name
that answers otherwise the second time leads nowhere else. Nothing that is answered is followed.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import httpx

PATIENCE: Final = httpx.Timeout(10, connect=5)
ANEW: Final = httpx.Limits(max_connections=100, max_keepalive_connections=0)
"""Each message has a connection of its own: names may share an address, and none the other's."""
IN_ALL: Final = 15.0
"""Seconds: an answer that comes byte by byte is none."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with, not one
AGENT: Final = "journal-craft-crew"


class AddressRefused(Exception):
    """The address is none that a user may send us to."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status, or why there is none."""

    status: int | None
    error: str | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and httpx.codes.is_success(self.status)


@dataclass(frozen=True)
class Post:
    """Sends to addresses of the world; where `local` to those of this machine too, for tests."""

    client: httpx.AsyncClient
    local: bool = False

    def check(self, url: str) -> httpx.URL:
        """The address, if it could be one of the world; raises `AddressRefused`."""
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise AddressRefused("This is no address.") from error
        if address.scheme != "https" and not self.local:
            raise AddressRefused("Only https is told.")
        if address.userinfo or not address.host:
            raise AddressRefused("An address has a host, and no name or password.")
        return address

    async def send(self, url: str, body: str, headers: Mapping[str, str]) -> Answer:
        """Post once; redirects are failures, and of the answer nobody reads more than its head."""
        try:
            async with asyncio.timeout(IN_ALL):
                address = self.check(url)
                where = await self._resolved(address)
                request = self.client.build_request(
                    "POST",
                    address.copy_with(host=where),
                    content=body.encode(),
                    headers={**headers, "Host": address.netloc.decode()},
                    extensions={"sni_hostname": address.host},
                )
                answer = await self.client.send(request, stream=True)
                await answer.aclose()
                return Answer(answer.status_code)
        except AddressRefused as error:
            return Answer(None, str(error))
        except (httpx.HTTPError, OSError, TimeoutError, UnicodeError) as error:
            return Answer(None, type(error).__name__)

    async def _resolved(self, address: httpx.URL) -> str:
        """The first address of the host, if all of them are the world's."""
        loop = asyncio.get_running_loop()
        port = address.port or (443 if address.scheme == "https" else 80)
        found = await loop.getaddrinfo(address.host, port, type=socket.SOCK_STREAM)
        hosts = [str(each[4][0]) for each in found]
        if not hosts or not (all(map(is_of_the_world, hosts)) or self._is_here(hosts)):
            raise AddressRefused("This address is not of the public internet.")
        return hosts[0]

    def _is_here(self, hosts: Iterable[str]) -> bool:
        return self.local and all(ipaddress.ip_address(host).is_loopback for host in hosts)


def is_of_the_world(host: str) -> bool:
    """Whether an address is public: not private, ours, link-local, reserved, or one in disguise."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None or address in NAT64:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def signed(id_: UUID, at: int, body: str, secret: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: who receives it can tell that it is ours, and new."""
    told = f"{id_}.{at}.{body}".encode()
    digest = base64.b64encode(hmac.digest(secret, told, hashlib.sha256)).decode()
    return {
        "webhook-id": str(id_),
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{digest}",
        "content-type": "application/json",
        "user-agent": AGENT,
    }
