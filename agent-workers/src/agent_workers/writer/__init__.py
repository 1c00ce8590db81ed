"""The offline writer: a model that needs no network and honours every output schema.

Everything it says was written by hand and lies in `essays`, `themes` and `house`; the code only
chooses, fits and fills in. The same task and brief always give the same result.
"""

from agent_workers.writer.compose import UnknownTask, compose

__all__ = ["UnknownTask", "compose"]
