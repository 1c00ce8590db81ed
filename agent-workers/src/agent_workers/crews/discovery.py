"""Discovery: ten titles, five that a search finds and five in the style the user wants."""

from typing import Final

from agent_workers.desk import Agent, Desk, Result
from journal_contracts.artifacts import Titles

AGENT: Final = Agent(
    name="discovery",
    role="Title editor who knows how readers search",
    goal="Find titles that are found, and titles that are loved",
    backstory="You have named books for years, and you know a cover has three seconds.",
)

TASK: Final = (
    "Give ten titles for the 30-day guided journal, each with a subtitle: five under "
    "`searchable`, which hold the words a buyer types and say what the book is, and five under "
    "`styled`, in the manner of `title_style`. At most 80 characters a title and 120 a subtitle. "
    "All differ, and none is in `already`, which the user has seen."
)


async def discovery(desk: Desk) -> Result:
    """Suggest a set of titles; a fresh one each time."""
    brief = await desk.brief(
        title_style=desk.order["title_style"],
        set=desk.order["set"],
        already=desk.order["already"],
    )
    seen = {text.casefold() for text in desk.order["already"]}

    def repeats(titles: Titles) -> list[str]:
        return [f"{t.text} was shown before" for t in titles.all if t.text.casefold() in seen]

    titles = await desk.ask_until(AGENT, Titles, TASK, brief, repeats)
    facts = {
        "titles": [title.model_dump() for title in titles.all],
        "already": [*desk.order["already"], *(title.text for title in titles.all)],
    }
    return Result(titles, facts)
