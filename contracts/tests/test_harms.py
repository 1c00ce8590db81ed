"""A text that would harm, and personal data in it, are found; careful texts pass (R7.2c)."""

import tomllib
from pathlib import Path

import pytest

from journal_contracts.harms import HARMS, harms_in, harms_of
from journal_contracts.personal import FORMS, personal_data_in

SENTENCES = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text())
HARMFUL: dict[str, list[str]] = SENTENCES["harmful"]
PERSONAL: dict[str, list[str]] = SENTENCES["personal"]
SPOILERS = r"""
[[harm]]
name = "spoilers"
means = "tells the end"
falls = ['the end is \w+']
"""


@pytest.mark.parametrize(
    ("harm", "text"), [(harm, text) for harm, texts in HARMFUL.items() for text in texts]
)
def test_a_harmful_sentence_falls_by_its_class(harm: str, text: str) -> None:
    found = harms_in(f"The kettle sings. {text} The lamp is lit.")

    assert harm in {each.name for each in found}


@pytest.mark.parametrize("text", SENTENCES["careful"])
def test_a_careful_sentence_passes(text: str) -> None:
    assert harms_in(text) == ()


def test_every_class_is_tried() -> None:
    assert {harm.name for harm in HARMS} == HARMFUL.keys()
    assert {form.means for form in FORMS} == PERSONAL.keys()


@pytest.mark.parametrize(
    ("means", "text"), [(means, text) for means, texts in PERSONAL.items() for text in texts]
)
def test_personal_data_is_found_by_its_form(means: str, text: str) -> None:
    assert means in {found for found, _ in personal_data_in(text)}


@pytest.mark.parametrize("text", SENTENCES["impersonal"])
def test_numbers_and_help_lines_of_everybody_pass(text: str) -> None:
    assert list(personal_data_in(text)) == []


def test_a_new_harm_is_a_row_in_a_table() -> None:
    [spoilers] = harms_of(SPOILERS)

    assert spoilers.is_in(["the end is near"])
    assert not spoilers.is_in(["the end"])
