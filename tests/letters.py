"""Letters that a platform without a mail server has kept, and what they offer."""

import asyncio
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final

from journal_client.client import Client
from journal_contracts.sessions import MailProof
from journalcraft.platform import Platform
from journalcraft.wiring import mails_of

LINK: Final = re.compile(r"(\S+)/letter#(\w+)=([\w-]{43})")
Offer = tuple[str, str, str]
"""Where a link leads, for what, and with what token."""


def letters_to(platform: Platform, address: str) -> list[EmailMessage]:
    """All that this address was sent, the oldest first."""
    files = sorted(mails_of(platform.state).glob("*.eml"))
    read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [each for each in read if each["To"] == address]


async def offers(platform: Platform, address: str, count: int) -> list[Offer]:
    """What they offer, once there are so many that offer something."""
    async with asyncio.timeout(30):
        while len(found := _offers(platform, address)) < count:
            await asyncio.sleep(0.05)
    return found


async def letter_about(platform: Platform, address: str, subject: str) -> EmailMessage:
    """The first of this subject, once it is there."""
    async with asyncio.timeout(30):
        while True:
            for letter in letters_to(platform, address):
                if letter["Subject"] == subject:
                    return letter
            await asyncio.sleep(0.05)


async def verified(platform: Platform, user: Client, email: str) -> None:
    """Whoever reads the letter knows the password: the address is theirs."""
    [(_, _, token)] = await offers(platform, email, 1)
    await user.verify(MailProof(token=token, password=user._credentials.password))


def _offers(platform: Platform, address: str) -> list[Offer]:
    texts = [letter.get_content() for letter in letters_to(platform, address)]
    links = [link for text in texts if (link := LINK.search(text))]
    return [(link[1], link[2], link[3]) for link in links]
