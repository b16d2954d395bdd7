"""The workers of a Dask cluster: processes of this machine, or those of a scheduler that runs elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from htr_utils.errors import HtrError

CONNECT = 20  # seconds for a scheduler to answer


def killed() -> type[Exception]:
    """What a task raises whose workers ended, again and again."""
    from distributed.scheduler import KilledWorker

    return KilledWorker


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
    dask.config.set({"distributed.scheduler.allowed-failures": failures, "distributed.worker.daemon": False})
    with contextlib.ExitStack() as opened:
        try:
            at: Any = scheduler
            if at is None:
                at = LocalCluster(
                    n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0,
                    silence_logs=50, host="127.0.0.1",
                )  # fmt: skip
                opened.callback(at.close)
            found = opened.enter_context(Client(at, timeout=CONNECT))
        except OSError as error:
            raise HtrError(f"no Dask scheduler answers at {scheduler or 'this machine'} ({error})") from None
        yield found
