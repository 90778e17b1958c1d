"""A line that says how far training has come, for whoever watches; it vanishes at the end.

It goes to the terminal, or below the cell of a notebook that is open in Jupyter. Where nobody
watches, as in CI, the environment variable NOTMNIST_PROGRESS=0 turns it off.
"""

import os
import sys
from typing import Any, TextIO

from tqdm import tqdm

# Tells `notmnist run` which outputs are progress, so that it shows them and keeps none.
METADATA = {"notmnist": "progress"}
_LINE = "{desc}: step {n_fmt} of {total_fmt}, {remaining} left{postfix}"


def bar(steps: int, seed: int) -> tqdm:
    """Open the line of one training run.

    Parameters
    ----------
    steps : int
        Updates that the run will make.
    seed : int
        The seed it is trained from.

    Returns
    -------
    tqdm
        A context manager; its `update` takes the steps made since the last call, and its
        `set_postfix_str` what else the line says.
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
    """Show below a notebook's cell what is written to it, the last line alone."""

    # All runs of one cell share one output, for none can be removed once it is there.
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
