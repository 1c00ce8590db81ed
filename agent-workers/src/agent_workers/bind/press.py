"""The press: binding in worker processes, because typesetting keeps a core and its memory."""

import asyncio
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from agent_workers.bind.galley import PageFormat
from agent_workers.bind.measuring import Measured, measure
from agent_workers.bind.typesetting import bind, can_be_set
from journal_contracts.artifacts import Layout, Manuscript, VisualStyle

Args = ParamSpec("Args")
Result = TypeVar("Result")
Job = tuple[Manuscript, Mapping[str, bytes], Layout, VisualStyle, PageFormat]


class Press:
    """One or two worker processes, replaced after `jobs_a_pool` jobs and whenever one dies.

    Opens nothing before its first job. Use as a context manager, or call `close`.
    """

    def __init__(self, workers: int = 1, jobs_a_pool: int = 24) -> None:
        self._workers = workers
        self._jobs_a_pool = jobs_a_pool
        self._jobs = 0
        self._pool: ProcessPoolExecutor | None = None

    async def print_book(
        self,
        manuscript: Manuscript,
        pictures: Mapping[str, bytes],
        layout: Layout,
        style: VisualStyle,
        page: PageFormat,
        *,
        created: datetime,
    ) -> bytes:
        """`bind`, in a worker. Cancelling returns at once; the worker finishes its sheet unseen."""
        job = (manuscript, dict(pictures), layout, style, page)
        return await self._do(_bind, job, created)

    async def measure(self, pdf: bytes) -> Measured:
        """`measure`, in a worker: it parses for a second or two."""
        return await self._do(measure, pdf)

    async def accepts(self, picture: bytes) -> bool:
        """`can_be_set`, in a worker: a picture that is no picture may take its process with it."""
        return await self._do(can_be_set, picture)

    def close(self) -> None:
        """Lets the workers finish what they have in hand and go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _do(
        self, work: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs
    ) -> Result:
        """Once more on a fresh pool where a worker died; a job that kills two has failed."""
        loop = asyncio.get_running_loop()
        for pool in (self._ready(), None):
            chosen = pool or self._ready()
            try:
                return await asyncio.wrap_future(chosen.submit(work, *args, **kwargs), loop=loop)
            except BrokenProcessPool:
                self._retire(chosen)
                if pool is None:
                    raise
        raise AssertionError("unreachable")

    def _ready(self) -> ProcessPoolExecutor:
        """The pool for the next job. Not `max_tasks_per_child`: it can hang (cpython gh-115634)."""
        if self._pool is not None and self._jobs >= self._jobs_a_pool:
            self._retire(self._pool)
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
            self._jobs = 0
        self._jobs += 1
        return self._pool

    def _retire(self, pool: ProcessPoolExecutor) -> None:
        """No new jobs for this pool; those it has are finished."""
        pool.shutdown(wait=False)
        if self._pool is pool:
            self._pool = None


def _bind(job: Job, created: datetime) -> bytes:
    return bind(*job, created=created)
