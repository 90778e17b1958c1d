"""Run notebooks on this machine, several side by side."""

import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event, current_thread, main_thread

import joblib

from notmnist.errors import NotMNISTError, needs_extra
from notmnist.running.execution import Executed, Task, execute

with needs_extra("notebooks"):
    import psutil

_NOTEBOOK_BYTES = 3_000_000_000  # the most that a quick run of any notebook takes
_POLL_SECONDS = 0.1  # a wait without an end can't be interrupted on Windows


def default_jobs(budget: str) -> int:
    """Choose how many notebooks to run side by side.

    Parameters
    ----------
    budget : str
        Notebooks that run with ``full`` take all cores, so they run one after another.

    Returns
    -------
    int
        For ``quick``, the number of cores, or less where memory is short.
    """
    if budget == "full":
        return 1
    return max(1, min(joblib.cpu_count(), psutil.virtual_memory().available // _NOTEBOOK_BYTES))


def finished(tasks: Iterable[Task], jobs: int) -> Iterator[tuple[Task, Executed]]:
    """Execute notebooks here, and yield each with what it left as soon as it is finished.

    Parameters
    ----------
    tasks : iterable of Task
        The notebooks.
    jobs : int
        How many to run side by side.

    Yields
    ------
    (Task, Executed)

    Raises
    ------
    NotMNISTError
        When notebooks have failed, once the others are finished.
    """
    stop, failures = Event(), []
    with ThreadPoolExecutor(jobs) as pool, _termination_as_interrupt():
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


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the kernels as Ctrl-C does."""
    if current_thread() is not main_thread():  # where signals can't be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
