"""The procedural painter: one picture for each requirement, drawn from a seed, offline."""

from agent_workers.paint.painter import paint

__all__ = ["paint"]
