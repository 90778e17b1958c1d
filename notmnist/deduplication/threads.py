"""Work in pieces on all cores, so that an interrupt ends it soon and leaves no thread behind."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from notmnist.errors import interrupts_kept

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], progress: tqdm | None = None
) -> list[Result]:
    """Call a function for every piece, in as many threads as there are cores.

    Parameters
    ----------
    work : callable
        What to do with a piece; NumPy lets other threads run meanwhile.
    pieces : iterable
        Small enough that whoever interrupts the work can wait for those begun.
    progress : tqdm, optional
        Advanced by one for every piece done.

    Returns
    -------
    list
        The results, in the order of the pieces.
    """
    with interrupts_kept(), ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            results = []
            for future in [pool.submit(work, piece) for piece in pieces]:
                results.append(future.result())
                if progress is not None:
                    progress.update()
            return results
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error or an interrupt
