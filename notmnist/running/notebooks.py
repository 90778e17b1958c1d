"""Run notebooks as they are, top to bottom, and keep executed copies."""

import asyncio
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from notmnist import files, pipeline, results, sources
from notmnist.errors import NotMNISTError, UsageError, needs_extra
from notmnist.running import checkpoints

with needs_extra("notebooks"):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbformat import NotebookNode


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


def run(
    notebooks: Sequence[Path],
    *,
    dataset: str,
    budget: str,
    seeds: int | None = None,
    inplace: bool = False,
) -> Iterator[Path]:
    """Execute notebooks, a task of joblib's each, and keep what each one leaves once it succeeds.

    They run here, one after another, unless `joblib.parallel_config` names another backend.

    Parameters
    ----------
    notebooks : sequence of Path
        As `find_notebooks` gives them.
    dataset, budget : str
        What the notebooks read as NOTMNIST_DATASET and NOTMNIST_BUDGET.
    seeds : int, optional
        How many seeds to train from, read as NOTMNIST_SEEDS; default: as many as the budget has.
    inplace : bool
        Refresh the notebooks themselves, from an empty cache and without touching ``misc/``;
        otherwise the executed copies go to ``misc/``.

    Yields
    ------
    Path
        An executed notebook, once it and the files it made are written.

    Raises
    ------
    UsageError
        When `inplace` is asked for with another dataset, budget or number of seeds than the
        committed outputs have.
    NotMNISTError
        When a notebook fails; it is left as it was, and so are the files of its earlier runs.
    """
    if inplace and (dataset, budget, seeds) != (results.DEFAULT_DATASET, results.BUDGETS[0], None):
        raise UsageError("--inplace refreshes the committed outputs: quick runs on openglyphs only")
    settings = {
        "NOTMNIST_DATASET": dataset,
        "NOTMNIST_BUDGET": budget,
        "NOTMNIST_SEEDS": str(seeds or ""),
    }
    needed = [] if inplace else _datasets_for(dataset)
    tasks = [
        delayed(execute)(path.stem, path.read_text(encoding="utf-8"), settings, needed)
        for path in notebooks
    ]
    # A batch of several notebooks would keep the first one's outputs until the last one's end.
    parallel = Parallel(batch_size=1, pre_dispatch="all", return_as="generator_unordered")
    originals = {path.stem: path for path in notebooks}
    for stem, executed, outputs in parallel(tasks):
        target = originals[stem]
        if not inplace:
            target = files.misc() / f"{results.result_stem(stem, dataset, budget)}.ipynb"
            for name, content in outputs.items():
                files.write_bytes(files.misc() / name, content)
        files.write_text(target, executed)
        yield target


def _datasets_for(dataset: str) -> list[str]:
    names = [sources.find(dataset).name]
    # What one machine scores, another must score too; see `test_sets`.
    if dataset == results.DEFAULT_DATASET and pipeline.prepared_card("notmnist-small"):
        names.append("notmnist-small")
    return names


def execute(
    stem: str, source: str, settings: Mapping[str, str], datasets: Sequence[str]
) -> tuple[str, str, dict[str, bytes]]:
    """Execute one notebook on this machine, in folders of its own.

    With the full budget, what training had finished when a run was interrupted is not done again
    by the next run of the same notebook, code, data and settings.

    Parameters
    ----------
    stem : str
        The notebook's name without ``.ipynb``, for messages.
    source : str
        The notebook, as JSON.
    settings : mapping of str to str
        Environment variables, beside those of this process.
    datasets : sequence of str
        What to prepare first, in this machine's cache; without any, the notebook starts from an
        empty cache.

    Returns
    -------
    stem : str
        As given.
    executed : str
        The notebook with its outputs, as JSON.
    outputs : dict of str to bytes
        The files it wrote to NOTMNIST_MISC, by their paths there.

    Raises
    ------
    NotMNISTError
        When a cell fails or a dataset can't be prepared.
    """
    hashes = [pipeline.prepare(dataset)["pickle"]["sha256"] for dataset in datasets]
    # Windows can't remove the cache of a kernel that has not quite ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        misc = Path(folder, "misc")
        environment = os.environ | settings | {"NOTMNIST_MISC": str(misc)}
        if not datasets:
            environment["NOTMNIST_HOME"] = str(Path(folder, "data"))
        notebook = nbformat.reads(source, as_version=4)
        if settings["NOTMNIST_BUDGET"] == "full":
            kept = checkpoints.folder_for(stem, source, settings, hashes)
            _execute_cells(stem, notebook, environment | {"NOTMNIST_CHECKPOINTS": str(kept)})
            checkpoints.remove(kept)
        else:
            _execute_cells(stem, notebook, environment)
        outputs = {
            path.relative_to(misc).as_posix(): path.read_bytes()
            for path in misc.rglob("*")
            if path.is_file()
        }
    return stem, nbformat.writes(notebook) + "\n", outputs


def _execute_cells(stem: str, notebook: NotebookNode, environment: Mapping[str, str]) -> None:
    code_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    progress = tqdm(total=code_cells, desc=stem, unit="cell")
    started = [1]
    client = _Client(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(files.notebooks())}},
        on_cell_execute=lambda cell, cell_index: started.append(cell_index + 1),
        on_cell_executed=lambda **_: progress.update(),
    )
    client.show = progress.set_postfix_str
    client.log.setLevel(logging.CRITICAL)  # it repeats what the exception says
    try:
        asyncio.run(_until_done_or_stopped(client, environment))
    except CellExecutionError as error:
        raise NotMNISTError(
            f"{stem}.ipynb, cell {started[-1]}: {error.ename}: {error.evalue}"
        ) from error
    except DeadKernelError as error:
        raise NotMNISTError(f"{stem}.ipynb, cell {started[-1]}: the kernel died") from error
    finally:
        progress.close()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


class _Client(NotebookClient):
    """Show how far training has come, which `fitting.progress` marks, instead of keeping it."""

    show: Callable[[str], None]

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        if msg["content"].get("metadata") == {"notmnist": "progress"}:
            self.show(msg["content"]["data"]["text/plain"])
            return None
        return super().process_message(msg, cell, cell_index)


async def _until_done_or_stopped(client: NotebookClient, environment: Mapping[str, str]) -> None:
    loop, execution = asyncio.get_running_loop(), asyncio.current_task()
    signals = []

    def stop(number: int) -> None:
        signals.append(number)
        execution.cancel()

    def stop_on_signals(**_: object) -> None:
        # nbclient's own handlers kill the kernel and then fail on an assertion. Windows has no
        # such handlers: there asyncio.run cancels by itself. Nor has a thread but the main one,
        # such as a cluster's worker runs its tasks in.
        with suppress(NotImplementedError, RuntimeError):
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
