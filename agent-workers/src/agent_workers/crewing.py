"""The one place where CrewAI is imported: an agent, a task and our model make a typed result."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

from crewai import Agent as CrewAgent
from crewai import BaseLLM, Task
from crewai.agents.agent_executor import AgentExecutor, AgentExecutorState
from crewai.events import crewai_event_bus
from crewai.flow.flow import FlowState
from crewai.flow.flow_definition import FlowDefinition
from pydantic import BaseModel, PrivateAttr

from agent_workers.desk import Agent
from agent_workers.models.provider import Messages

Answer = Callable[[Messages, type[BaseModel]], Coroutine[Any, Any, str]]
"""The model door, for one task: messages and wanted output -> valid JSON."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without its console panels and listeners, for the life of the process."""
    with crewai_event_bus.scoped_handlers():
        yield


async def perform(
    agent: Agent, description: str, output: type[BaseModel], answer: Answer
) -> BaseModel:
    """Let a CrewAI agent do one task. Cancelling it cancels the model call behind it too."""
    model = _DoorModel(model="jcc", provider="jcc")
    model.open(answer)
    worker = CrewAgent(
        role=agent.role,
        goal=agent.goal,
        backstory=agent.backstory,
        llm=model,
        executor_class=_Executor,
        allow_delegation=False,
        max_iter=2,
        max_retry_limit=0,
        respect_context_window=False,
        verbose=False,
    )
    task = Task(
        description=description,
        expected_output=f"A {output.__name__}, complete, as JSON",
        agent=worker,
        output_pydantic=output,
    )
    try:
        result = await task.aexecute_sync()
    except Exception as error:
        raise model.trouble or error from error
    finally:
        model.close()
    if model.trouble:
        raise model.trouble
    return output.model_validate_json(result.raw)


class _State(FlowState, AgentExecutorState):
    """An executor's state with an id. CrewAI would make this class anew for each task, which is a
    quarter of what a task costs."""


class _Executor(AgentExecutor):
    """CrewAI's own, told its state's class; what it does is looked up in the class it is of."""

    initial_state: Any = _State

    @classmethod
    def flow_definition(cls) -> FlowDefinition:
        return AgentExecutor.flow_definition()


class _DoorModel(BaseLLM):
    """CrewAI's agents call a model from a thread; this hands the call to the loop it came from."""

    _answer: Answer = PrivateAttr()
    _loop: asyncio.AbstractEventLoop = PrivateAttr()
    _calls: list[Future[str]] = PrivateAttr(default_factory=list)
    _trouble: BaseException | None = PrivateAttr(default=None)

    def open(self, answer: Answer) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """The thread behind a cancelled task would wait, and pay, for its call to end."""
        for call in self._calls:
            call.cancel()

    @property
    def trouble(self) -> BaseException | None:
        """What the door raised: CrewAI wraps errors, and the saga must know which it was."""
        return self._trouble

    def call(  # noqa: PLR0917 - CrewAI's own signature
        self,
        messages: str | list[Any],
        tools: list[dict[str, Any]] | None = None,
        callbacks: list[Any] | None = None,
        available_functions: dict[str, Any] | None = None,
        from_task: Any | None = None,
        from_agent: Any | None = None,
        response_model: type[BaseModel] | None = None,
    ) -> str:
        """One answer of the door, as JSON text."""
        said = messages if isinstance(messages, list) else [{"role": "user", "content": messages}]
        plain = [{"role": str(m["role"]), "content": str(m["content"])} for m in said]
        assert response_model is not None  # noqa: S101 - every task of ours names its output
        call = asyncio.run_coroutine_threadsafe(self._answer(plain, response_model), self._loop)
        self._calls.append(call)
        try:
            return call.result()
        except BaseException as error:
            self._trouble = error
            raise
