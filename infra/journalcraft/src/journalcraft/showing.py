"""What is seen of a journal while it is made: a bar for each agent, or plain lines."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
)

from journal_contracts.api import JournalView, PhaseView

OVER = {"done", "skipped"}


class Display(Protocol):
    """Where a journal is shown. Used as a context manager while it is being made."""

    def __enter__(self) -> "Display": ...

    def __exit__(self, *unused: object) -> None: ...

    def show(self, view: JournalView) -> None:
        """The journal as it is now."""
        ...

    def doing(self, phase: str, what: str) -> None:
        """What is done in a phase at this moment."""
        ...

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Room for a conversation."""
        ...

    def say(self, line: str) -> None:
        """A line that stays."""
        ...


def display_on(console: Console) -> Display:
    """Bars on a terminal, lines elsewhere."""
    return Bars(console) if console.is_terminal else Lines(console)


def say_on(console: Console, line: str) -> None:
    """A line as it is: no markup, and no control characters that a model may have written."""
    console.print(
        "".join(c if c.isprintable() or c == "\n" else " " for c in line),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


class Bars:
    """One bar for each agent."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: dict[str, TaskID] = {}
        self._doing: dict[str, str] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
        )

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._progress.stop()

    def show(self, view: JournalView) -> None:
        for agent, load in loads(view).items():
            if agent not in self._bars:
                self._bars[agent] = self._progress.add_task(name_of(agent), note="")
            note = f"{load.seconds:.1f} s" if load.is_over else self._note(load.running)
            self._progress.update(
                self._bars[agent], total=load.parts, completed=load.done, note=note
            )

    def doing(self, phase: str, what: str) -> None:
        self._doing[phase] = what

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def say(self, line: str) -> None:
        say_on(self._console, line)

    def _note(self, running: tuple[str, ...]) -> str:
        """`outline writing`"""
        told = (f"{phase} {self._doing.get(phase, '')}".strip() for phase in running)
        return ", ".join(told).replace("_", " ")


class Lines:
    """A line when a phase begins and when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, str] = {}

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def show(self, view: JournalView) -> None:
        for phase in view.phases:
            if self._seen.get(phase.name, "waiting") != phase.status:
                self.say(line_of(view.percent, phase))
            self._seen[phase.name] = phase.status

    def doing(self, phase: str, what: str) -> None:
        pass

    def aside(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def say(self, line: str) -> None:
        say_on(self._console, line)


@dataclass(frozen=True)
class Load:
    """An agent's work over all its phases; one whose parts are not known yet counts as one part."""

    done: int
    parts: int
    running: tuple[str, ...]
    seconds: float
    is_over: bool


def loads(view: JournalView) -> dict[str, Load]:
    """The work of each agent, in the order of the plan."""
    by_agent: dict[str, list[PhaseView]] = {}
    for phase in view.phases:
        by_agent.setdefault(phase.agent, []).append(phase)
    return {agent: _load(phases) for agent, phases in by_agent.items()}


def name_of(agent: str) -> str:
    """`pdf_builder` as people say it: PDF Builder."""
    return " ".join(w.upper() if w == "pdf" else w.capitalize() for w in agent.split("_"))


def line_of(percent: int, phase: PhaseView) -> str:
    """` 42 %  curation done in 3.1 s (Content Curator, 12 parts)`"""
    took = f" in {phase.seconds:.1f} s" if phase.status == "done" and phase.seconds else ""
    parts = f", {phase.parts} parts" if phase.parts > 1 else ""
    name = phase.name.replace("_", " ")
    return f"{percent:>3} %  {name} {phase.status}{took} ({name_of(phase.agent)}{parts})"


def _load(phases: list[PhaseView]) -> Load:
    return Load(
        done=sum(_parts(p) if p.status in OVER else p.done for p in phases),
        parts=sum(map(_parts, phases)),
        running=tuple(p.name for p in phases if p.status == "running"),
        seconds=sum(p.seconds or 0.0 for p in phases),
        is_over=all(p.status in OVER for p in phases),
    )


def _parts(phase: PhaseView) -> int:
    return max(phase.parts, 1)
