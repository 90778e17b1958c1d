"""Lend the runs of notebooks to a dask cluster, through joblib's backend for it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any

import joblib
from joblib._dask import DaskDistributedBackend

from notmnist.errors import NotMNISTError, UsageError, needs_extra
from notmnist.version import __version__

_ANSWER_SECONDS = 5


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Make joblib's tasks run on a cluster; what dies with its worker starts anew on another.

    After a failure, tasks that have not begun are dropped; those that have run to their end.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``10.0.0.1:8786`` or ``tls://10.0.0.1:8786``.

    Raises
    ------
    UsageError
        When the address is none.
    NotMNISTError
        When dask.distributed is not installed, no scheduler answers or it is lost, and when there
        are no workers or they can't run the tasks.
    """
    with needs_extra("distributed"):
        import distributed
    _check(address)
    # It repeats what the exceptions say.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with (
            distributed.Client(address, set_as_default=False) as client,
            joblib.parallel_config(_ClusterBackend(client=client)),
        ):
            yield
    except TimeoutError as error:
        raise NotMNISTError(
            f"the scheduler at {address} has no workers: start some, `dask worker {address}`"
        ) from error
    except distributed.KilledWorker as error:
        raise NotMNISTError(
            f"{error.allowed_failures + 1} workers died one after another while they ran the same "
            "notebook: look at their logs and their memory"
        ) from error
    except (AttributeError, ImportError, RuntimeError) as error:
        raise NotMNISTError(
            f"the cluster can't run notmnist {__version__}: install it for the scheduler and for "
            "every worker"
        ) from error
    except CancelledError as error:
        raise NotMNISTError(
            f"lost the scheduler at {address}; what was finished is in misc/, run the rest again"
        ) from error


class _ClusterBackend(DaskDistributedBackend):
    def effective_n_jobs(self, n_jobs: int) -> int:
        # For a cluster of a single thread joblib would run everything here.
        return max(2, super().effective_n_jobs(n_jobs))

    def submit(self, func: Callable, callback: Callable[[Any], None]) -> Future:
        future = super().submit(func, callback)

        def report_failure(done: Future) -> None:
            # joblib waits for ever for a task that no worker could run.
            if done.exception():
                callback(done.exception())

        future.add_done_callback(report_failure)
        return future


def _check(address: str) -> None:
    # Without an answer, or with another program's, dask's client would wait for ever.
    try:
        asyncio.run(_shake_hands(address))
    except ValueError as error:
        raise UsageError(f"{address!r} is no address ({error}): give HOST:PORT") from error
    except OSError as error:
        raise NotMNISTError(
            f"no scheduler answers at {address}: start one with `dask scheduler`, or look where "
            "yours listens"
        ) from error


async def _shake_hands(address: str) -> None:
    from distributed.comm import connect
    from distributed.security import Security

    options = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, **options), _ANSWER_SECONDS)
    await comm.close()
