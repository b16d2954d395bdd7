"""The workers of a Dask cluster: processes of this machine, or those of a scheduler that runs elsewhere."""

from __future__ import annotations

import contextlib
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from htr_utils.errors import HtrError

CONNECT = 20  # seconds for a scheduler to answer


@contextlib.contextmanager
def client(count: int, scheduler: str | None, failures: int) -> Iterator[Any]:
    """A Dask client, and what it started, until the block ends.

    Args:
        count: processes on this machine, one thread each. scheduler: address of a running scheduler instead.
        failures: lost workers after which a task is given up.

    Raises:
        HtrError: no scheduler answers.
    """
    import dask
    from dask.distributed import Client, LocalCluster

    # A kernel is another process and takes the memory; the worker itself must not be stopped for it.
    dask.config.set(
        {"distributed.scheduler.allowed-failures": failures, "distributed.worker.daemon": False}
    )
    with contextlib.ExitStack() as opened:
        try:
            at: Any = scheduler
            if at is None:
                at = LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=50,
                    host="127.0.0.1",
                )
                opened.callback(at.close)
            found = opened.enter_context(Client(at, timeout=CONNECT))
        except OSError as error:
            raise HtrError(
                f"no Dask scheduler answers at {scheduler or 'this machine'} ({error})"
            ) from None
        yield found


def results(
    client: Any,
    function: Callable[..., Any],
    jobs: Iterable[Any],
    words: Callable[[Any], tuple[Any, ...]],
    *,
    ahead: int,
    alone: Callable[[Any], list[Any]] = lambda job: [job],
) -> Iterator[tuple[Any, Any]]:
    """Each job with what `function(*words(job))` gave on some worker, or with the exception that it ended in.

    Whatever was on a worker that ended may have ended it: such jobs are done once more when all others are done, one
    at a time, so that no other is blamed.

    Args:
        ahead: tasks that are out at a time: a scheduler holds no million. alone: the parts of such a job.
    """
    from dask.distributed import as_completed
    from distributed.scheduler import KilledWorker

    left, lost = deque(jobs), []
    tasks: dict[Any, Any] = {}

    def submit(job: Any) -> Any:
        task = client.submit(
            function, *words(job), pure=False, key=f"{function.__name__}-{uuid.uuid4().hex}"
        )
        tasks[task] = job
        return task

    def told(task: Any) -> Any:
        try:
            return task.result()
        except Exception as error:
            return error

    running = as_completed([submit(left.popleft()) for _ in range(min(ahead, len(left)))])
    for task in running:
        job, found = tasks.pop(task), told(task)
        if isinstance(found, KilledWorker):
            lost += alone(job)
        else:
            yield job, found
        if left:
            running.add(submit(left.popleft()))
    for job in lost:
        yield job, told(submit(job))


def ended(found: Any) -> bool:
    """Whether an answer of `results` says that the worker ended while the job was the only one."""
    from distributed.scheduler import KilledWorker

    return isinstance(found, KilledWorker)


def one_line(error: Exception) -> str:
    """What a job ended in, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
