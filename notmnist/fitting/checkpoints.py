"""Keep the finished parts of an interrupted run for the next run of the same code.

The environment variable NOTMNIST_CHECKPOINTS names the folder. `notmnist run` sets it for the full
budget, to a different folder for every notebook, code, dataset and settings, and removes the folder
once the notebook has succeeded. If the variable is not set, nothing is kept.
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
    """Compute arrays, or read them if an interrupted run has computed them before.

    Parameters
    ----------
    describe : callable
        Returns a description of the work, which must be unique in the notebook.
    compute : callable
        Does the work, and returns its results, numbers or text, by name.

    Returns
    -------
    dict of str to ndarray
        What `compute` returned, now or before the interruption.
    """
    if not os.environ.get("NOTMNIST_CHECKPOINTS"):
        return compute()
    name = hashlib.sha256(describe().encode()).hexdigest()[:32]
    path = Path(os.environ["NOTMNIST_CHECKPOINTS"], f"{name}.npz")
    # A file that can't be read is ignored.
    with (
        suppress(OSError, EOFError, ValueError, BadZipFile),
        open(path, "rb") as earlier,
        np.load(earlier) as kept,
    ):
        return dict(kept)
    arrays = compute()
    # If the disk is full, the run continues without checkpoints.
    with suppress(NotMNISTError), files.replacing(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # none is named `allow_pickle`
    return arrays
