"""The outline: which essay of the bank stands on which day of which book."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from agent_workers.writer.order import Order
from agent_workers.writer.shelf import Essay, essays
from journal_contracts.product import BOOKS, Edition, Mode, Stage, mode_of, stage_of

Row = Mapping[str, Any]


def outline_draft(order: Order) -> dict[str, Any]:
    """An angle and a kind of question for every day asked for."""
    asked: Mapping[str, Sequence[Row]] = order.brief["days"]
    return {edition.value: _outlined(order, edition, asked[edition.value]) for edition in Edition}


def essay_for(order: Order, edition: Edition, row: Row) -> tuple[Essay, bool]:
    """The essay behind a day's angle, and whether the angle is one of ours."""
    angle = str(row.get("angle") or "").strip().casefold()
    for essay in essays():
        if essay.angle.casefold() == angle:
            return essay, True
    return allotted(order, edition, usual_days(edition)).get(row["day"], essays()[0]), False


def usual_days(edition: Edition) -> list[Row]:
    days = range(1, BOOKS[edition].days + 1)
    return [{"day": day, "stage": stage_of(edition, day), "mode": mode_of(day)} for day in days]


def allotted(order: Order, edition: Edition, rows: Sequence[Row]) -> dict[int, Essay]:
    """An essay for every day, each of another kind; the first and the last day have their own."""
    days: dict[int, Essay] = {}
    last = max(row["day"] for row in rows)

    def manner(row: Row) -> tuple[str, str, str]:
        place = {1: "first", last: "last"}.get(row["day"], "")
        return str(row["stage"]), str(row["mode"]), place

    for (stage, mode, place), group in groupby(sorted(rows, key=manner), key=manner):
        queue = _queue(order, edition, Stage(stage), Mode(mode), place)
        for at, row in enumerate(group):
            days[row["day"]] = queue[at % len(queue)]
    return days


def _queue(order: Order, edition: Edition, stage: Stage, mode: Mode, place: str) -> list[Essay]:
    """The essays that fit, shuffled: one of every facet first, then their twins."""
    fitting = [
        essay
        for essay in essays()
        if (essay.edition, essay.stage, essay.mode) == (edition, stage, mode)
    ]
    fitting = [essay for essay in fitting if essay.place == place] or fitting
    fitting = [essay for essay in fitting if order.suits(essay.angle)]
    shuffled = order.shuffled(fitting, "outline", edition, stage, mode, place)
    seen: set[str] = set()
    firsts = [essay for essay in shuffled if not (essay.facet in seen or seen.add(essay.facet))]  # type: ignore[func-returns-value]
    return firsts + [essay for essay in shuffled if essay not in firsts]


def _outlined(order: Order, edition: Edition, rows: Sequence[Row]) -> list[dict[str, Any]]:
    days = allotted(order, edition, rows)
    return [
        {"day": row["day"], "angle": days[row["day"]].angle, "question_kind": days[row["day"]].kind}
        for row in rows
    ]
