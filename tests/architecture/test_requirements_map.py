"""The page of requirements tells the truth: every id once, every path and every test real."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "infra/docs/requirements.md"
IDS = [f"R{n}.{m}{letter}" for n in range(1, 10) for m in (1, 2) for letter in "abcd"]
NOT_YET = "not yet"


def _rows() -> list[list[str]]:
    """The cells of each row: id, words, where, test."""
    lines = PAGE.read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| R")
    ]


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def test_every_requirement_has_one_line_in_order() -> None:
    assert [row[0] for row in _rows()] == IDS


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_what_a_line_names_is_there(row: list[str]) -> None:
    _, words, where, tests = row

    assert words
    for path in _named(where):
        assert (ROOT / path).exists(), path
    for test in _named(tests):
        path, _, name = test.partition("::")
        assert name in _tests_in(path), test


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_a_line_that_names_nothing_says_not_yet(row: list[str]) -> None:
    for cell in row[2:]:
        assert _named(cell) or cell == NOT_YET
