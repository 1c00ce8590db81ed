"""The tasks the offline writer knows. To teach it another, write a function and add a row."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent_workers.writer.days import days_draft
from agent_workers.writer.edit import edit_draft, frame_edit
from agent_workers.writer.frame import frame_draft
from agent_workers.writer.insights import research_draft
from agent_workers.writer.looks import layout, visual_style
from agent_workers.writer.order import Order
from agent_workers.writer.outline import outline_draft
from agent_workers.writer.plan import editorial_plan
from agent_workers.writer.review import review_draft
from agent_workers.writer.shops import publishing_pack
from agent_workers.writer.titles import titles
from agent_workers.writer.welcome import welcome

Task = Callable[[Order], dict[str, Any]]
TASKS: Final[Mapping[str, Task]] = {
    "Welcome": welcome,
    "EditorialPlan": editorial_plan,
    "Titles": titles,
    "ResearchDraft": research_draft,
    "OutlineDraft": outline_draft,
    "FrameDraft": frame_draft,
    "DaysDraft": days_draft,
    "EditDraft": edit_draft,
    "FrameEdit": frame_edit,
    "ReviewDraft": review_draft,
    "VisualStyle": visual_style,
    "Layout": layout,
    "PublishingPack": publishing_pack,
}


class UnknownTask(LookupError):
    """The offline writer was asked for something it never learned to write."""


def compose(task: str, brief: Mapping[str, Any]) -> dict[str, Any]:
    """What the task asks for, as plain data that fits its model."""
    if task not in TASKS:
        raise UnknownTask(task)
    return TASKS[task](Order.read(brief))
