"""What keeps the crew from harm: themes it refuses, texts it sends back or lets nobody read."""

from agent_workers.safety.aloud import Aloud
from agent_workers.safety.texts import UnsafeText, until_safe
from agent_workers.safety.themes import SOMEONE_TO_TALK_TO, ThemeRefused, welcome

__all__ = ["SOMEONE_TO_TALK_TO", "Aloud", "ThemeRefused", "UnsafeText", "until_safe", "welcome"]
