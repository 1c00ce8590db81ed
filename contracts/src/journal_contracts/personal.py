"""What a book for everyone must not print: addresses, numbers and keys of somebody, by their form.

House help lines may stand anywhere. A form with a check sum falls only where the sum is right.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

HELP: Final = frozenset({"findahelpline.com"})
TOP: Final = (
    "com|org|net|info|io|co|uk|de|fr|es|eu|biz|app|dev|ai|xyz|online|site|shop|example|test|onion|ru"
    "|cn|ch|nl|pl|us|ca|au|invalid|localhost|internal|link|click|top|gov|edu"
)
DIGITS: Final = tuple("0123456789")
NUMBERED: Final = r"(?!(?:Day|Days|Minute|Minutes|Hour|Week|Weeks|Month|Year|Step|Steps|Page)\b)"


@dataclass(frozen=True)
class Form:
    """How a kind of personal data looks, and whether what looks so is one.

    One of the `marks` has to be in the text in lower case, or it is not looked at further.
    """

    means: str
    marks: Iterable[str]
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool] = lambda found: True


def personal_data_in(text: str) -> Iterator[tuple[str, str]]:
    """What is found and where it stands, as ("an e-mail address", "ann@example.org")."""
    low = text.lower()
    for form in (form for form in FORMS if any(mark in low for mark in form.marks)):
        for match in form.pattern.finditer(text):
            if form.is_one(match.group()):
                yield form.means, match.group()


def _is_no_help_line(found: str) -> bool:
    return found.lower().rstrip(".,") not in HELP


def _is_a_card(found: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the digits' sum ends in 0."""
    digits = [int(digit) for digit in re.sub(r"\D", "", found)][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_an_iban(found: str) -> bool:
    """ISO 13616: the country moved to the end and letters as numbers, the rest by 97 is 1."""
    bare = found.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _is_a_phone(found: str) -> bool:
    return 8 <= len(re.sub(r"\D", "", found)) <= 15 and not re.fullmatch(
        r"\d{4}-\d{2}-\d{2}|\d{2}[./-]\d{2}[./-]\d{4}", found
    )


def _is_a_blob(found: str) -> bool:
    return bool(
        re.search(r"\d", found) and re.search(r"[A-Z]", found) and re.search("[a-z]", found)
    )


FORMS: Final = (
    Form(
        "an e-mail address",
        ("@", "dot"),
        re.compile(
            r"[\w.+-]{1,64}@[\w-]+\.[\w.-]+"
            r"|\b[\w.+-]{1,64} ?[\[({]? ?at ?[\])}]? ?[\w-]+ ?[\[({]? ?dot ?[\])}]? ?"
            rf"(?:{TOP})\b",
            re.I,
        ),
    ),
    Form(
        "a web address",
        (".", ":"),
        re.compile(
            r"\b(?:https?|ftp|file|wss?|postgres(?:ql)?|redis|amqps?|s3|hxxps?)://\S+"
            r"|\b(?:javascript|mailto|vbscript):\S+|\bdata:[a-z]+/\S+"
            r"|\bwww\.\S+"
            rf"|\b(?:[a-z0-9-]+\.)+(?:{TOP})\b(?:/\S*)?"
            r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
        ),
        _is_no_help_line,
    ),
    Form(
        "a phone number",
        DIGITS,
        re.compile(
            r"(?<![\w.])(?:\+\d[\d ()./-]{6,18}\d|\(\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,4}"
            r"|(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}|0\d{2,5}[ /-]?\d{3,4}[ -]?\d{2,5})(?!\w)"
        ),
        _is_a_phone,
    ),
    Form(
        "a street address",
        DIGITS,
        re.compile(
            rf"\b\d{{1,5}}[a-z]? {NUMBERED}(?:[A-Z][\w'’]+ ){{1,3}}"
            r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Terrace|Crescent)\b"
            r"|\b[A-ZÄÖÜ]\w+(?:straße|strasse|gasse|allee|platz) \d{1,4}\b"
            r"|\b\d{1,4},? (?:rue|avenue|boulevard|calle|via) (?:[\w'’]+ ){0,3}[A-Z]\w+"
        ),
    ),
    Form(
        "a card number", DIGITS, re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"), _is_a_card
    ),
    Form(
        "a bank account",
        DIGITS,
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        _is_an_iban,
    ),
    Form("a social security number", DIGITS, re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    Form(
        "a key or an identifier",
        (*DIGITS, "=", "-----", "-", "_"),
        re.compile(
            r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
            r"|\b(?:sk|pk|rk)[-_][\w-]{12,}|\bAKIA[0-9A-Z]{12,}|\bgh[pousr]_\w{16,}|\bxox[abp]-\S+"
            r"|-----BEGIN|\beyJ[\w-]{10,}\.[\w-]+|[A-Z0-9_]{5,}=\S{4,}|:x:\d+:\d+:",
        ),
    ),
    Form("an encoded text", DIGITS, re.compile(r"(?<!\w)[A-Za-z0-9+/_-]{32,}={0,2}"), _is_a_blob),
)
