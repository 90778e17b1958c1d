"""Show the progress of training in one line, which disappears at the end.

The line appears in the terminal, or below the cell of a notebook that is open in Jupyter. The
environment variable NOTMNIST_PROGRESS=0 turns it off, for example in CI.
"""

import os
import sys
from typing import Any, TextIO

from tqdm import tqdm

# Marks outputs as progress, so that `notmnist run` shows them but does not keep them.
METADATA = {"notmnist": "progress"}
_LINE = "{desc}: step {n_fmt} of {total_fmt}, {remaining} left{postfix}"


def bar(steps: int, seed: int) -> tqdm:
    """Open the progress line of one training run.

    Parameters
    ----------
    steps : int
        The number of updates in the run.
    seed : int
        The seed of the run.

    Returns
    -------
    tqdm
        A context manager. Its `update` takes the number of steps since the last call, and its
        `set_postfix_str` the text at the end of the line.
    """
    return tqdm(
        total=steps,
        desc=f"seed {seed}",
        bar_format=_LINE,
        file=_output(),
        leave=False,
        disable=True if os.environ.get("NOTMNIST_PROGRESS") == "0" else None,  # None: no terminal
    )


def _output() -> "TextIO | _CellOutput":
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    return _CellOutput() if hasattr(shell, "kernel") else sys.stderr


class _CellOutput:
    """Show the last line that was written to it below the notebook's cell."""

    # All runs of one cell share one output, because outputs cannot be removed.
    _shown: tuple[int, Any] = (-1, None)

    def write(self, text: str) -> None:
        line = {"text/plain": text.strip("\r ")}
        from IPython import get_ipython
        from IPython.display import display

        cell, handle = self._shown
        if cell != get_ipython().execution_count:
            handle = display(line, raw=True, metadata=METADATA, display_id=True)
            _CellOutput._shown = get_ipython().execution_count, handle
        else:
            handle.update(line, raw=True, metadata=METADATA)

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        pass
