"""What is written to people. Links lead where the settings say, whoever asked and however."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from auth_service.mail_tokens import LIVES, Purpose
from chassis.mail import Mail

GREETING: Final = "Hello,\n\n"
FAREWELL: Final = "\n\nJournal Craft Crew\n"
NEWS_HOLD: Final = timedelta(days=2)
"""What only tells something is of use for so long."""


@dataclass(frozen=True)
class Letters:
    """Written for a platform whose door is at `public_url`."""

    public_url: str

    def verify(self, to: str, token: str) -> Mail:
        return _mail(
            to,
            "Is this your address?",
            "somebody has opened an account with this address. If it was you, say so here, with "
            f"the password you chose:\n\n{self._link('verify', token)}\n\n"
            "If it was not you, leave this letter alone: nothing comes to this address, and with "
            "'forgotten password' the account becomes yours.",
        )

    def known(self, to: str, token: str) -> Mail:
        """For who opens an account, or moves one, to an address that has one."""
        return _mail(
            to,
            "You have an account already",
            "somebody wanted an account with this address, which has one. If it was you: sign in, "
            "or choose a new password here:\n\n"
            f"{self._link('reset', token)}\n\n"
            "If it was not you, nothing has changed.",
        )

    def reset(self, to: str, token: str) -> Mail:
        return _mail(
            to,
            "A new password",
            "somebody has forgotten the password of this account. If it was you, choose another "
            f"here; everybody who is signed in is then signed out:\n\n"
            f"{self._link('reset', token)}\n\n"
            "If it was not you, nothing has changed.",
        )

    def change(self, to: str, token: str) -> Mail:
        return _mail(
            to,
            "Is this your new address?",
            "an account is to move to this address. If it is yours, say so here, with its "
            f"password:\n\n{self._link('change', token)}\n\n"
            "If it is not yours, leave this letter alone.",
        )

    def moved(self, to: str) -> Mail:
        return _mail(
            to,
            "Your account has another address",
            "your account has moved to another address, said by who knows its password and reads "
            "its mail there. If it was not you, somebody has both: write to whoever runs "
            f"{self.public_url} at once.",
        )

    def password_changed(self, to: str) -> Mail:
        return _mail(
            to,
            "Your password was changed",
            "your password was changed, and everybody else who was signed in is signed out. If it "
            f"was not you, choose another with 'forgotten password' at {self.public_url}.",
        )

    def _link(self, purpose: Purpose, token: str) -> str:
        """Behind the '#', which no browser sends anywhere."""
        minutes = int(LIVES[purpose].total_seconds() / 60)
        return f"{self.public_url}/letter#{purpose}={token}\n\nIt holds once, {minutes} minutes."


def _mail(to: str, subject: str, said: str) -> Mail:
    return Mail(to, subject, f"{GREETING}{said}{FAREWELL}")
