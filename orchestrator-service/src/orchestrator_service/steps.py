"""What a worker is told for one step: the brief, the order, and where its inputs lie; pure."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from journal_contracts.api import DraftParts
from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.commands import Brief, RegisterAssets, RunPhase
from journal_contracts.decisions import OWN
from journal_contracts.message import Allowance, Command, StepRef, artifact_key
from orchestrator_service.state import UNDO, Saga
from orchestrator_service.table import SHELF, Order, Phase


def commands(saga: Saga, phase_name: str, parts: Iterable[str]) -> Iterator[Command]:
    """The commands for open steps of one phase; the media service has its own."""
    phase = saga.definition.phase(phase_name)
    shared = _Shared(saga, phase)
    for name in parts:
        part = saga.phases[phase_name].parts[name]
        step = ref(saga, phase_name, name)
        if name == UNDO:
            assert phase.undo is not None  # noqa: S101 - only such phases are undone
            yield phase.undo(step, _last_made(saga, phase_name))
        elif phase.pool == SHELF:
            [editions] = shared.inputs["binding"]
            yield RegisterAssets(**step.model_dump(), editions=editions)
        else:
            yield RunPhase(
                **step.model_dump(),
                agent=phase.agent,
                brief=shared.brief,
                inputs=shared.inputs,
                order=shared.orders[name] if part.order is None else part.order,
                round=part.round,
                since=saga.n,
                models=saga.request.models,
                allowance=None if part.promised is None else Allowance(cost=part.promised),
                needs=part.needs,
            )


class _Shared:
    """What the parts of a phase have in common, found out once."""

    def __init__(self, saga: Saga, phase: Phase) -> None:
        self._saga = saga
        self._phase = phase

    @cached_property
    def brief(self) -> Brief:
        return brief(self._saga)

    @cached_property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        saga = self._saga
        return {name: artifacts(saga, name) for name in self._phase.takes if name in saga.phases}

    @cached_property
    def orders(self) -> Mapping[str, Order]:
        return self._phase.parts(self._saga.known)


def artifacts(saga: Saga, phase: str) -> tuple[str, ...]:
    """The keys of everything a phase made, earlier rounds first, so that later ones win."""
    parts = saga.phases[phase].work
    made = sorted((part.round, name, part.made) for name, part in parts.items() if part.made)
    return tuple(artifact_key(saga.user_id, saga.id, phase, name, by) for _, name, by in made)


def draft(saga: Saga) -> DraftParts | None:
    """Where both books lie in words, with what was edited of them; None before they are joined."""
    proofs = artifacts(saga, "proof") if "proof" in saga.phases else ()
    if not proofs:
        return None
    edited = artifacts(saga, "editing") if "editing" in saga.phases else ()
    return DraftParts(proof=proofs[-1], edited=edited)


def brief(saga: Saga) -> Brief:
    """What every agent knows; what is not decided yet is empty."""
    request, welcome = saga.request, saga.facts.get("onboarding", {})
    return Brief(
        theme=request.theme,
        plan=request.plan,
        language=request.language,
        audience=request.audience or welcome.get("audience", ""),
        title_style=request.title_style,
        depth=request.depth,
        title=title(saga),
        author_style=author_style(saga),
    )


def title(saga: Saga) -> Title | None:
    """The chosen title; None while there is none, or while more are asked for."""
    choice = saga.chosen("title")
    if choice is None:
        return None
    if choice.option == OWN:
        return Title(text=choice.text or "")
    return Title.model_validate(saga.facts["discovery"]["titles"][int(choice.option[1:]) - 1])


def author_style(saga: Saga) -> AuthorStyle | None:
    """The chosen style, once it is chosen."""
    choice = saga.chosen("author_style")
    if choice is None:
        return None
    if choice.option == OWN:
        text = choice.text or ""
        return AuthorStyle(label=text[:60], line=text)
    styles = saga.facts["onboarding"]["styles"]
    return AuthorStyle.model_validate(styles[int(choice.option[1:]) - 1])


def ref(saga: Saga, phase: str, part: str) -> StepRef:
    """The name of a step, in the attempt it is in."""
    return StepRef(
        journal_id=saga.id,
        user_id=saga.user_id,
        phase=phase,
        part=part,
        attempt=saga.phases[phase].parts[part].attempt,
    )


def _last_made(saga: Saga, phase: str) -> int:
    return max((part.made or 0 for part in saga.phases[phase].work.values()), default=0)
