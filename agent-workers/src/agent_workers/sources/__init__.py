"""Where insights come from: what the model knows itself, and the documents of the user."""

from agent_workers.sources.documents import Documents
from agent_workers.sources.knowledge import OwnKnowledge
from agent_workers.sources.passage import Gathered, Passage, Source

__all__ = ["Documents", "Gathered", "OwnKnowledge", "Passage", "Source"]
