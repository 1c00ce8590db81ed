"""The theme: whatever the user typed, made into a short phrase that is safe inside a sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from agent_workers.writer.shelf import page
from journal_contracts.checks import BRACKETED
from journal_contracts.harms import harms_in
from journal_contracts.personal import personal_data_in

LONGEST: Final = 48
MOST_WORDS: Final = 6
NEUTRAL: Final = "this part of life"
OF_ANYTHING, OF_ANYTHING_HARD, OF_THE_YOUNG = "anything", "hardship", "teens"
TAG: Final = re.compile(r"<[^>]{0,200}>|https?://\S+|&[a-z]+;|&#\d+;", re.I)
UNSAFE: Final = re.compile(r"[^\w\s'’,.;:!?()\[\]{}&+/-]|_")
LEAD_IN: Final = re.compile(
    r"^(?:(?:an?|the|my|our)\s+)?(?:\d+[- ]days?\s+)?(?:of\s+)?"
    r"(?:guided\s+|daily\s+|self[- ]help\s+)*"
    r"(?:journal(?:l?ing|s)?|diary|workbook|notebook|prompts?|writing|reflections?)\s+"
    r"(?:prompts?\s+)?(?:for|about|on|through|with|around|into|towards?|to)\s+",
    re.I,
)
LEAD_OUT: Final = re.compile(r"\s+(?:journal(?:l?ing|s)?|diary|workbook|notebook|prompts?)$", re.I)
PLEA: Final = re.compile(r"^(?:help (?:me )?with|struggling with)\s+(?=\w)", re.I)
COPING: Final = re.compile(
    r"^(?:coping with|dealing with|managing|overcoming|living with|living through|handling"
    r"|getting over|getting through|working through|beating|fighting)\s+(?=\w)",
    re.I,
)
WISH: Final = re.compile(
    r"^(?:how (?:do i|can i|to)|i (?:want|need|wish|would like|have|hope|am trying|try) to"
    r"|i'd like to"
    r"|help me(?: to)?|to|let me|trying to|wanting to)\s+",
    re.I,
)
STATE: Final = re.compile(r"^i(?:'m| am)\s+", re.I)
FEELING: Final = re.compile(r"^i (?:often |always |just )?feel\s+", re.I)
BREAK: Final = re.compile(
    r"\s*[,.;:!?()\[\]{}/]+\s*|\s+[-–—]+\s+"
    r"|\s+(?:because|but|so|while|when|which|who|after|although|since|if|where|that|and then)\s+",
    re.I,
)
CLAUSE: Final = re.compile(
    r"^(?:i|we|he|she|they|it|you)\b|\b(?:is|are|was|were|has|have|had|died|left|lost|went|got|don't|can't"
    r"|cannot|won't|didn't|hates?|keeps|doesn't|isn't|will|would|passed)\b",
    re.I,
)
MINE: Final[Mapping[str, str]] = {
    "my": "your",
    "me": "you",
    "myself": "yourself",
    "i": "you",
    "our": "your",
    "mine": "yours",
    "i'm": "you are",
}
YOURS: Final[Mapping[str, str]] = {
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
}


@dataclass(frozen=True)
class Theme:
    """A theme in the forms that sentences, titles and shelves want it."""

    noun: str
    """A noun phrase for inside a sentence, never its subject: it may be a plural."""
    own: str
    """The user's own words where they read well, else the noun: for covers and lists."""
    pool: str
    """Which file of `themes` speaks for it."""
    tender: bool = False
    """Whether it hurts: then nothing light-hearted may stand beside it."""
    burden: bool = False
    """Whether nobody would want more of it: then no sentence makes a pursuit of it."""
    readers: str = ""
    """Whom it was typed for: `busy mums`; empty where it did not say."""

    @classmethod
    def read(cls, typed: str) -> Self:
        """The theme behind what the user typed, or neutral words where it is no noun phrase."""
        phrase = _phrase(typed)
        noun = phrase if _reads_well(phrase) else NEUTRAL
        said = _said(typed)
        if noun == NEUTRAL:
            own = phrase if _is_foreign(phrase) else noun
        else:
            own = said if _reads_well(said) else noun
        pool = _pool(typed, noun)
        if pool == OF_ANYTHING and _is("tender", typed, noun):
            pool = OF_ANYTHING_HARD
        tender = _hurts(typed, noun, pool)
        burden = tender or _is("burden", typed, noun)
        readers = _readers(typed)
        if not tender and _are_young(readers, typed):
            pool = OF_THE_YOUNG
        return cls(noun, own, pool, tender, burden, readers)

    @property
    def title(self) -> str:
        return title_case(self.own)

    @property
    def name(self) -> str:
        """The theme as the product shows it: foreign words stay as they were typed."""
        return self.own if self.noun != NEUTRAL else self.own.lower()

    @property
    def opening(self) -> str:
        return self.noun[:1].upper() + self.noun[1:]

    @property
    def mine(self) -> str:
        """The noun where the reader speaks: `the loss of my dog`."""
        return " ".join(YOURS.get(word, word) for word in self.noun.split())

    @property
    def quoted(self) -> str:
        """The noun as words that can be said: `the word grief`, `the words goal setting`."""
        bare = self.noun.removeprefix("the ")
        return f"the word{'s' if ' ' in bare else ''} {bare}"


def without_markup(text: str) -> str:
    """The text without tags, brackets and control characters, on one line."""
    bare = re.sub(r"[\[\]{}<>*`#_\x00-\x1f\x7f]+", " ", TAG.sub(" ", text))
    bare = re.sub(r"\b(?:TODO|TBD|XXX|lorem ipsum)\b", " ", bare, flags=re.I)
    return " ".join(bare.split())


def title_case(phrase: str) -> str:
    """Every word with a capital, save the little ones in between."""
    parts, minor = phrase.split(), page("house/themes")["minor"]
    return " ".join(
        part if at and part in minor else part[:1].upper() + part[1:]
        for at, part in enumerate(parts)
    )


def _phrase(typed: str) -> str:
    """A short lower-case phrase; empty where nothing readable was typed."""
    text = _without_readers(PLEA.sub("", _bare(typed)))
    if (known := _known(text)) is not None:
        return known
    text = _as_doing(STATE.sub("being ", FEELING.sub("feeling ", COPING.sub("", text))))
    text = next((piece for piece in BREAK.split(text) if piece.strip()), "").strip(" '-")
    return _addressed(text)


def _readers(typed: str) -> str:
    """The people at the end of `gratitude for busy mums`."""
    text = _bare(typed)
    return text[len(_without_readers(text)) :].removeprefix(" for ")


def _are_young(readers: str, typed: str) -> bool:
    rows = page("house/themes")["young"]
    return any(
        re.search(rows[said], text, re.I) for said, text in (("readers", readers), ("typed", typed))
    )


def _without_readers(text: str) -> str:
    return re.sub(page("house/themes")["readers"], "", text, flags=re.I)


def _said(typed: str) -> str:
    """What was typed, in the user's own words; empty where it is more than one short phrase."""
    text = _as_doing(PLEA.sub("", _bare(typed)))
    broken = re.search(r"[,.;:!?()\[\]{}/]", text) or WISH.search(text) or STATE.search(text)
    return "" if broken else _addressed(text.strip(" '-"))


def _bare(typed: str) -> str:
    """Without markup, and without the words that only say it is to be a journal."""
    text = UNSAFE.sub(" ", _without_addresses(TAG.sub(" ", typed))).replace("’", "'")
    text = " ".join(re.sub(r"\s*&\s*|\s\+\s", " and ", text).split())
    text = _lowered(text)
    for lead in (LEAD_IN, LEAD_OUT):
        text = lead.sub("", text)
    return text


def _without_addresses(text: str) -> str:
    """Without web addresses, numbers of people and the like, nor the words that led there."""
    for _, found in list(personal_data_in(text)):
        led = rf"(?:\b(?:at|from|on|via|see|visit|call)\s+)?{re.escape(found)}"
        text = re.sub(rf"^{led}\s+(?:for|about|on|with)\s+|{led}", " ", text, flags=re.I)
    return text


def _addressed(text: str) -> str:
    return " ".join(MINE.get(word.lower(), word) for word in text.split())


def _known(text: str) -> str | None:
    """The plain name of what is mostly typed as a whole sentence, or as part of one."""
    for row in page("house/themes")["known"]:
        if found := re.search(row["typed"], text, re.I):
            return str(row["noun"]).format(**_named(found))
    return None


def _named(found: re.Match[str]) -> dict[str, str]:
    return {name: (text or "").lower() for name, text in found.groupdict().items()}


def _lowered(text: str) -> str:
    """Lower case, but for initials, proper names and capitals typed on purpose."""
    words = text.split()
    deliberate = any(word.islower() and len(word) > 4 for word in words)
    shouted = len(words) > 1 and text.isupper()
    names: dict[str, str] = {name.lower(): name for name in page("house/themes")["proper"]}

    def lowered(at: int, word: str) -> str:
        if word.lower() in names:
            return names[word.lower()]
        if word.isupper() and 2 <= len(word) <= 5 and not shouted and word.isalpha():
            return word
        return word if deliberate and at and not word.isupper() else word.lower()

    return " ".join(lowered(at, word) for at, word in enumerate(words))


def _as_doing(text: str) -> str:
    """`to stop worrying` becomes `stopping worrying`: a wish turned into a noun phrase."""
    wished = WISH.sub("", text)
    verb, _, rest = wished.partition(" ")
    if verb in page("house/themes")["verbs"] and (wished != text or rest):
        return f"{_doing(verb)} {rest}".strip()
    return wished


def _doing(verb: str) -> str:
    if verb in {"be", "see"}:
        return verb + "ing"
    if verb.endswith("e"):
        return verb[:-1] + "ing"
    doubled = verb in {"stop", "get", "let", "run", "set", "quit", "begin"}
    return verb + (verb[-1] if doubled else "") + "ing"


def _reads_well(phrase: str) -> bool:
    """Whether the phrase can stand where a noun stands in an English sentence."""
    return (
        sum(letter.isalpha() for letter in phrase) >= 3
        and len(phrase) <= LONGEST
        and len(phrase.split()) <= MOST_WORDS
        and not CLAUSE.search(phrase)
        and not _is_foreign(phrase)
        and not harms_in(phrase)
        and not any(personal_data_in(phrase))
        and not BRACKETED.search(phrase)
        and (re.search(r"[aeiouy]", phrase, re.I) is not None or _is_named(phrase))
    )


def _is_named(phrase: str) -> bool:
    """Whether a known name stands in it: some, such as PTSD, have no vowel."""
    return any(word in page("house/themes")["proper"] for word in phrase.split())


def _is_foreign(phrase: str) -> bool:
    """Whether it is a short phrase in another script: fit for a cover, not for our sentences."""
    letters = [letter for letter in phrase if letter.isalpha()]
    outside = any(ord(letter) > 0x24F for letter in letters)
    return outside and len(letters) >= 2 and len(phrase) <= LONGEST


def _hurts(typed: str, noun: str, pool: str) -> bool:
    return pool in page("house/themes")["befalling"] or _is("tender", typed, noun)


def _is(kind: str, typed: str, noun: str) -> bool:
    return re.search(page("house/themes")[kind], f"{typed} {noun}", re.I) is not None


def _pool(typed: str, noun: str) -> str:
    """The file of scenes nearest to the theme."""
    rows: list[dict[str, Any]] = page("house/themes")["pool"]
    for text in (noun, typed):
        for row in rows:
            if re.search(row["typed"], text, re.I):
                return str(row["name"])
    return OF_ANYTHING
