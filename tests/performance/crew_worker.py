"""`python -m tests.performance.crew_worker`: the workers' service around one phase of one question.

All of it is the service's own, CrewAI, ledger, store and broker too. Its model knows the answer,
unless the settings name one behind HTTP.
"""

import gc
from importlib import import_module

from pydantic import BaseModel

from agent_workers.environment import prepare
from agent_workers.models import chain
from agent_workers.models.provider import Messages, OnText, Reply
from agent_workers.settings import Settings
from chassis import telemetry
from chassis.web import serve
from journal_contracts.catalogue import WORKERS

from .writing import ANSWER, PHASE, write


class InstantModel:
    """A model that knows its answer."""

    name = "instant"

    async def reply(self, messages: Messages, output: type[BaseModel], on_text: OnText) -> Reply:
        on_text(ANSWER)
        return Reply(ANSWER, 100, 20)


if __name__ == "__main__":
    telemetry.start(WORKERS)
    settings = Settings()
    prepare(settings.state)
    app = import_module("agent_workers.app")
    gc.freeze()  # as the service does
    vars(app)["CREWS"] = {PHASE: write}
    vars(chain)["OfflineWriter"] = InstantModel
    serve(app.build(settings), settings)
