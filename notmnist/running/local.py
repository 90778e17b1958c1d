"""Run several notebooks at the same time on this machine."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event

import joblib

from notmnist.errors import NotMNISTError, interrupts_kept, needs_extra
from notmnist.running.execution import Executed, Task, execute

with needs_extra("notebooks"):
    import psutil

_NOTEBOOK_BYTES = 3_000_000_000  # the most memory that a quick run of any notebook takes
_POLL_SECONDS = 0.1  # Windows can't interrupt a wait without a timeout


def default_jobs(budget: str) -> int:
    """Choose how many notebooks to run at the same time.

    Parameters
    ----------
    budget : str
        The budget, ``quick`` or ``full``.

    Returns
    -------
    int
        With ``full``, 1, because each notebook uses all cores. With ``quick``, the number of cores,
        or fewer if memory is short.
    """
    if budget == "full":
        return 1
    return max(1, min(joblib.cpu_count(), psutil.virtual_memory().available // _NOTEBOOK_BYTES))


def finished(tasks: Iterable[Task], jobs: int) -> Iterator[tuple[Task, Executed]]:
    """Execute notebooks here, and yield each with its outputs as soon as it is finished.

    Parameters
    ----------
    tasks : iterable of Task
        The notebooks.
    jobs : int
        The number of notebooks to run at the same time.

    Yields
    ------
    (Task, Executed)

    Raises
    ------
    NotMNISTError
        When notebooks have failed. It is raised once the others are finished.
    """
    stop, failures = Event(), []
    with interrupts_kept(), ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(execute, task, stop): task for task in tasks}
        try:
            while running:
                for future in wait(running, _POLL_SECONDS, FIRST_COMPLETED).done:
                    task = running.pop(future)
                    try:
                        executed = future.result()
                    except NotMNISTError as error:
                        failures.append(error)
                    else:
                        yield task, executed
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    if len(failures) > 1:
        raise NotMNISTError(f"{len(failures)} notebooks failed: {'; '.join(map(str, failures))}")
    if failures:
        raise failures[0]
