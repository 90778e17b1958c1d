"""Finished parts of a run that was interrupted, kept for the next run of the same code.

The environment variable NOTMNIST_CHECKPOINTS names the folder. `notmnist run` sets it for the full
budget, to a folder of its own for every notebook, code, dataset and settings, and removes the
folder once the notebook has succeeded. Where the variable is not set, nothing is kept.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from notmnist import files
from notmnist.errors import NotMNISTError

Arrays = dict[str, np.ndarray]


def resumed(describe: Callable[[], str], compute: Callable[[], Arrays]) -> Arrays:
    """Compute arrays, or read them where an interrupted run has computed them already.

    Parameters
    ----------
    describe : callable
        Describes the work, in words that fit no other work of the same notebook.
    compute : callable
        Does the work; returns its results, numbers or text, by their names.

    Returns
    -------
    dict of str to ndarray
        What `compute` returned, now or before the interruption.
    """
    if not os.environ.get("NOTMNIST_CHECKPOINTS"):
        return compute()
    name = hashlib.sha256(describe().encode()).hexdigest()[:32]
    path = Path(os.environ["NOTMNIST_CHECKPOINTS"], f"{name}.npz")
    # A file that can't be read is as good as none.
    with (
        suppress(OSError, EOFError, ValueError, BadZipFile),
        open(path, "rb") as earlier,
        np.load(earlier) as kept,
    ):
        return dict(kept)
    arrays = compute()
    # The run that is to be protected goes on without protection when the disk is full.
    with suppress(NotMNISTError), files.replacing(path) as part, open(part, "wb") as file:
        # Type checkers fear for a parameter of its own, but no array bears its name.
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return arrays
