"""Words that no book is made of are refused at once, before anything is ordered or paid."""

from chassis.errors import ServiceError
from journal_contracts.themes import refusal_of


class ThemeRefused(ServiceError):
    """The user's own words ask for harm; the detail is a kind sentence, and where help is."""

    status = 422


def check_welcome(theme: str, audience: str | None = None, *choices: str | None) -> None:
    """Raises `ThemeRefused`, by the very rules of the crew; who it lets in, a model may refuse."""
    if refusal := refusal_of(theme, audience or "", *filter(None, choices)):
        raise ThemeRefused(refusal)
