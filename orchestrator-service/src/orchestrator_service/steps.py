"""What a worker is told for one step: the brief, the order, and where its inputs lie; pure."""

from journal_contracts.artifacts import AuthorStyle, Title
from journal_contracts.commands import Brief, RegisterAssets, RunPhase
from journal_contracts.decisions import OWN
from journal_contracts.message import Command, StepRef
from orchestrator_service.plan import NODES, SHELF, Phase
from orchestrator_service.state import Saga


def command(saga: Saga, phase_name: str, part_name: str) -> Command:
    """The command for one open step; the media service has its own."""
    phase = phase_of(phase_name)
    part = saga.phases[phase_name].parts[part_name]
    step = _step(saga, phase_name, part_name, part.attempt).model_dump()
    if phase.pool == SHELF:
        return RegisterAssets(**step, editions=artifacts(saga, "binding")[0])
    order = part.order if part.order is not None else phase.parts(saga.known)[part_name]
    inputs = {taken: artifacts(saga, taken) for taken in phase.takes if taken in saga.phases}
    return RunPhase(**step, brief=brief(saga), inputs=inputs, order=order, round=part.round)


def artifacts(saga: Saga, phase: str) -> tuple[str, ...]:
    """The keys of everything a phase made, earlier rounds first, so that later ones win."""
    parts = saga.phases[phase].parts
    made = sorted((part.round, name, part.made) for name, part in parts.items() if part.made)
    return tuple(_step(saga, phase, name, attempt).artifact_key for _, name, attempt in made)


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
    choice = saga.known.chosen.get("title")
    if choice is None or choice.option == "more":
        return None
    if choice.option == OWN:
        return Title(text=choice.text or "")
    return Title.model_validate(saga.facts["discovery"]["titles"][int(choice.option[1:]) - 1])


def author_style(saga: Saga) -> AuthorStyle | None:
    """The chosen style, once it is chosen."""
    choice = saga.known.chosen.get("author_style")
    if choice is None:
        return None
    if choice.option == OWN:
        text = choice.text or ""
        return AuthorStyle(label=text[:60], line=text)
    styles = saga.facts["onboarding"]["styles"]
    return AuthorStyle.model_validate(styles[int(choice.option[1:]) - 1])


def phase_of(name: str) -> Phase:
    """The table's row."""
    node = NODES[name]
    assert isinstance(node, Phase)  # noqa: S101 - the table says so
    return node


def _step(saga: Saga, phase: str, part: str, attempt: int) -> StepRef:
    return StepRef(
        journal_id=saga.id, user_id=saga.user_id, phase=phase, part=part, attempt=attempt
    )
