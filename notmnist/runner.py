"""Run notebooks as they are, top to bottom, and keep executed copies."""

import asyncio
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm import tqdm

from notmnist import files, results
from notmnist.errors import NotMNISTError, UsageError


def find_notebooks(names: Sequence[str]) -> list[Path]:
    """Find notebooks by name, all of them when none is named.

    Parameters
    ----------
    names : sequence of str
        Names such as ``03_minibatch_lr``, with or without ``.ipynb``.

    Returns
    -------
    list of Path
        In the order of their numbers.

    Raises
    ------
    UsageError
        When there is no notebook of that name.
    """
    folder = files.notebooks()
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    wanted = [Path(name).name.removesuffix(".ipynb") for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"unknown notebook {unknown[0]!r}: choose {', '.join(known)}")
    return [path for stem, path in known.items() if not wanted or stem in wanted]


def run(notebooks: Sequence[Path], *, dataset: str, budget: str, inplace: bool) -> list[Path]:
    """Execute notebooks one after another.

    Parameters
    ----------
    notebooks : sequence of Path
        As `find_notebooks` gives them.
    dataset, budget : str
        What the notebooks read as NOTMNIST_DATASET and NOTMNIST_BUDGET.
    inplace : bool
        Refresh the notebooks themselves, from an empty cache and without touching ``misc/``;
        otherwise the executed copies go to ``misc/``.

    Returns
    -------
    list of Path
        The executed notebooks.

    Raises
    ------
    UsageError
        When `inplace` is asked for with another dataset or budget than the committed outputs have.
    NotMNISTError
        When a notebook fails; it is left as it was.
    """
    if inplace and (dataset, budget) != (results.DEFAULT_DATASET, results.BUDGETS[0]):
        raise UsageError("--inplace refreshes the committed outputs: quick runs on openglyphs only")
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {"NOTMNIST_DATASET": dataset, "NOTMNIST_BUDGET": budget}
        if inplace:
            environment |= {"NOTMNIST_HOME": f"{empty}/data", "NOTMNIST_MISC": f"{empty}/misc"}
        written = []
        for path in notebooks:
            stem = results.result_stem(path.stem, dataset, budget)
            target = path if inplace else files.misc() / f"{stem}.ipynb"
            executed = _execute(path, environment)
            files.write_text(target, nbformat.writes(executed) + "\n")
            written.append(target)
    return written


def _execute(path: Path, environment: Mapping[str, str]) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    code_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    progress = tqdm(total=code_cells, desc=path.stem, unit="cell")
    started = [1]
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: started.append(cell_index + 1),
        on_cell_executed=lambda **_: progress.update(),
    )
    client.log.setLevel(logging.CRITICAL)  # it repeats what the exception says
    try:
        asyncio.run(_execute_cells(client, environment))
    except CellExecutionError as error:
        raise NotMNISTError(
            f"{path.name}, cell {started[-1]}: {error.ename}: {error.evalue}"
        ) from error
    except DeadKernelError as error:
        raise NotMNISTError(f"{path.name}, cell {started[-1]}: the kernel died") from error
    finally:
        progress.close()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


async def _execute_cells(client: NotebookClient, environment: Mapping[str, str]) -> None:
    loop, execution = asyncio.get_running_loop(), asyncio.current_task()
    signals = []

    def stop(number: int) -> None:
        signals.append(number)
        execution.cancel()

    def stop_on_signals(**_: object) -> None:
        # nbclient's own handlers kill the kernel and then fail on an assertion. Windows has no
        # such handlers: there asyncio.run cancels by itself.
        with suppress(NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop, number)

    client.on_cell_start = stop_on_signals
    try:
        # What cells print on stderr comes back in the notebook; the kernel's own log does not help.
        await client.async_execute(env=dict(environment), stderr=subprocess.DEVNULL)
    except (asyncio.CancelledError, DeadKernelError):
        # nbclient takes the cancellation for a dead kernel.
        if signals:
            raise KeyboardInterrupt from None
        raise
