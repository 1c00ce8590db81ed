"""What is written to people. Links lead where the settings say, whoever asked and however."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

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

    def identity_linked(self, to: str, title: str) -> Mail:
        return _mail(
            to,
            "Another way into your account",
            f"from now on your account is opened by {_line(title)} too. If it was not you, unlink "
            f"that, and choose another password with 'forgotten password' at {self.public_url}.",
        )

    def identity_unlinked(self, to: str, title: str) -> Mail:
        return _mail(
            to,
            "One way less into your account",
            f"your account is no longer opened by {_line(title)}. If it was not you, choose "
            f"another password with 'forgotten password' at {self.public_url}.",
        )

    def question_waits(self, journal_id: UUID, question: str, to: str, stop: str) -> Mail:
        return self._news(
            to,
            "Your journal waits for you",
            f"a journal of yours waits for your answer:\n\n    {_line(question)}\n\n"
            f"Give it here: {self._journal(journal_id)}\n\n"
            "If nobody does, the journal takes the usual answer when its time is up.",
            stop,
        )

    def books_done(self, journal_id: UUID, title: str, to: str, stop: str) -> Mail:
        return self._news(
            to,
            "Your books are done",
            f"both books of your journal are done:\n\n    {_line(title)}\n\n"
            f"Fetch them here: {self._journal(journal_id)}",
            stop,
        )

    def _journal(self, journal_id: UUID) -> str:
        return f"{self.public_url}/journal#{journal_id}"

    def _news(self, to: str, subject: str, said: str, stop: str) -> Mail:
        """What somebody may want no more of."""
        end = f"No more letters like this one: {stop}"
        return replace(_mail(to, subject, f"{said}\n\n{end}"), stop=stop)

    def _link(self, purpose: Purpose, token: str) -> str:
        """Behind the '#', which no browser sends anywhere."""
        minutes = int(LIVES[purpose].total_seconds() / 60)
        return f"{self.public_url}/letter#{purpose}={token}\n\nIt holds once, {minutes} minutes."


def _line(told: str) -> str:
    """A title or a question as one line, whatever stands in it."""
    return "".join(each if each.isprintable() else " " for each in told)


def _mail(to: str, subject: str, said: str) -> Mail:
    return Mail(to, subject, f"{GREETING}{said}{FAREWELL}")
