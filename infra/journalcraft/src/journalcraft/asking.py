"""A decision as text, and the text that answers it; pure."""

from journal_contracts.decisions import OWN, Choice, DecisionView, Option

CHANGES = "changes"
"""The option that goes with notes, one line each: `section: what to change`."""

LONGEST_OWN = 120


class NotAnAnswer(ValueError):
    """What was typed is none of the options; the message says what is."""


def lines_of(decision: DecisionView) -> list[str]:
    """The question, its numbered options with the default marked, and what may be typed."""
    lines = [decision.question]
    for number, option in enumerate(decision.options, 1):
        mark = "*" if option.id == decision.default else " "
        detail = f" - {option.detail}" if option.detail else ""
        lines.append(f" {mark} {number:>2}  {option.label}{detail}")
    return [*lines, hint_of(decision)]


def hint_of(decision: DecisionView) -> str:
    """`A number from 1 to 6, or text of your own. Enter alone takes 1.`"""
    own = ", or text of your own" if _offers(decision, OWN) else ""
    first = f"A number from 1 to {len(decision.options)}{own}."
    return f"{first} Enter alone takes {_default_number(decision)}."


def read_answer(decision: DecisionView, typed: str) -> Choice:
    """The choice that was typed: nothing for the default, a number, a name, or own text."""
    text = typed.strip()
    if not text:
        return default_of(decision)
    if option := _named(decision, text):
        if option.id == OWN:
            raise NotAnAnswer("Type the text itself.")
        return Choice(option=option.id)
    if not _offers(decision, OWN) or text.isdigit():
        raise NotAnAnswer(hint_of(decision))
    if len(text) > LONGEST_OWN:
        raise NotAnAnswer(f"At most {LONGEST_OWN} characters.")
    return Choice(option=OWN, text=text)


def read_notes(lines: list[str]) -> Choice:
    """Notes by section; a line without a section belongs to the whole book."""
    notes: dict[str, str] = {}
    for line in lines:
        section, colon, note = line.partition(":")
        place, words = (section.strip(), note.strip()) if colon else ("all", line.strip())
        if place and words:
            notes[place[:60]] = f"{notes[place[:60]]} {words}" if place[:60] in notes else words
    return Choice(option=CHANGES, notes=notes)


def default_of(decision: DecisionView) -> Choice:
    """What is taken when nobody is there to ask."""
    return Choice(option=decision.default)


def _named(decision: DecisionView, text: str) -> Option | None:
    """By number from 1, or by the option's own id."""
    numbered = {str(number): option for number, option in enumerate(decision.options, 1)}
    return numbered.get(text) or next((o for o in decision.options if o.id == text.lower()), None)


def _offers(decision: DecisionView, option_id: str) -> bool:
    return any(option.id == option_id for option in decision.options)


def _default_number(decision: DecisionView) -> int:
    return next((n for n, o in enumerate(decision.options, 1) if o.id == decision.default), 1)
