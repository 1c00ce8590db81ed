"""Which parts of documents are nearest to a question, by BM25; each document has its turn."""

from collections.abc import Sequence
from typing import Final

import bm25s

from agent_workers.sources.passage import roots
from agent_workers.sources.reading import Part

Named = tuple[str, Part]
STEM: Final = 4
"""Letters in which a question and a document may agree: anxiety finds anxious."""


def nearest(question: str, parts: Sequence[Named], most: int) -> list[Named]:
    """At most so many parts, best first; of every document that has any, first its best one."""
    told = [sorted(roots(part.text)) for _, part in parts]
    stems = {root[:STEM] for root in roots(question)}
    asked = sorted({root for each in told for root in each if root[:STEM] in stems})
    if not asked:
        return []
    index = bm25s.BM25()
    index.index(told, show_progress=False)
    scores = index.get_scores(asked)
    ranked = sorted((at for at in range(len(parts)) if scores[at] > 0), key=lambda at: -scores[at])
    best: dict[str, int] = {}
    for at in ranked:
        best.setdefault(parts[at][0], at)
    first = list(best.values())
    chosen = [*first, *(at for at in ranked if at not in first)][:most]
    return [parts[at] for at in chosen]
