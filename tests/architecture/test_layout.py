"""Every service has the same rooms in the same places, and one door to its surroundings."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted([*(path.name for path in ROOT.glob("*-service")), "agent-workers"])
SOURCES = sorted(ROOT.glob("*/src/**/*.py")) + sorted(ROOT.glob("infra/*/src/**/*.py"))
READ_THE_ENVIRONMENT = ("infra/journalcraft/src/", "agent-workers/src/agent_workers/environment.py")


def asks(tree: ast.AST) -> set[str]:
    """The names `x.y` a file speaks of, and those it imports."""
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imports = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return attributes | imports


def prints(tree: ast.AST) -> bool:
    """Whether `print` is called; a method of that name is another matter."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(called, ast.Name) and called.id == "print" for called in calls)


def read(file: Path) -> ast.AST:
    return ast.parse(file.read_text())


def test_there_are_five_services() -> None:
    assert len(SERVICES) == 5


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_what_every_service_has(service: str) -> None:
    home = ROOT / service
    package = home / "src" / service.replace("-", "_")
    files = [home / name for name in ("pyproject.toml", "Dockerfile", "README.md")]
    modules = [package / f"{name}.py" for name in ("__init__", "__main__", "app", "settings")]

    assert [str(path) for path in (*files, *modules) if not path.is_file()] == []
    assert list((home / "tests").glob("test_*.py"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_one_package(service: str) -> None:
    packages = [path.parent.name for path in (ROOT / service).glob("src/*/__init__.py")]

    assert packages == [service.replace("-", "_")]


def test_the_environment_is_read_in_two_places_alone() -> None:
    readers = {
        str(file.relative_to(ROOT))
        for file in SOURCES
        if asks(read(file)) & {"os.environ", "os.getenv", "os.putenv"}
    }

    assert {file for file in readers if not file.startswith(READ_THE_ENVIRONMENT)} == set()


def test_nothing_is_printed() -> None:
    assert {str(file.relative_to(ROOT)) for file in SOURCES if prints(read(file))} == set()
