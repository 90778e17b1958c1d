"""Execute one notebook from top to bottom on this machine."""

import asyncio
import logging
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from tqdm import tqdm

from notmnist import files, pipeline
from notmnist.errors import NotMNISTError, needs_extra, say
from notmnist.running import checkpoints, pictures
from notmnist.running.settings import kernel_environment
from notmnist.version import __version__

with needs_extra("notebooks"):
    import ipykernel  # noqa: F401  (the kernel itself, which jupyter_client starts)
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbformat import NotebookNode
    from traitlets import Instance

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Task:
    """Describe a notebook that is to be executed on this machine or another.

    Attributes
    ----------
    stem : str
        The notebook's name without ``.ipynb``, for messages.
    source : str
        The notebook, as JSON.
    settings : mapping of str to str
        The environment variables that the notebook reads, such as NOTMNIST_DATASET.
    datasets : tuple of str
        The datasets to prepare first. If there are none, the notebook starts from an empty cache.
    home : str or None
        The cache folder. None stands for the one that `files.home` returns on that machine.
    version : str
        The version of this package that the notebook belongs to.
    """

    stem: str
    source: str
    settings: Mapping[str, str]
    datasets: tuple[str, ...]
    home: str | None = None
    version: str = __version__


@dataclass(frozen=True)
class Executed:
    """Hold the outputs of an executed notebook.

    Attributes
    ----------
    notebook : str
        The notebook with its outputs, as JSON.
    outputs : dict of str to bytes
        The contents of the files that it wrote to NOTMNIST_MISC, by their paths in that folder.
    """

    notebook: str
    outputs: dict[str, bytes]


def execute(task: Task, stop: Event | None = None) -> Executed:
    """Execute a notebook in folders of its own.

    If a run with the full budget is interrupted, the next run of the same notebook, code, data and
    settings does not repeat the training that was finished.

    Parameters
    ----------
    task : Task
        The notebook.
    stop : threading.Event, optional
        An event by which another thread can stop the execution.

    Raises
    ------
    KeyboardInterrupt
        When `stop` is set.
    NotMNISTError
        When a cell fails, a dataset can't be prepared, or the task comes from another version of
        this package.
    """
    if task.version != __version__:
        raise NotMNISTError(
            f"{task.stem}.ipynb belongs to notmnist {task.version}, but a worker has "
            f"{__version__}: install the same version on every machine"
        )
    stop = stop or Event()
    prepared = [pipeline.prepare(dataset, home=task.home) for dataset in task.datasets]
    hashes = [card["pickle"]["sha256"] for card in prepared]
    # Windows can't remove the cache of a kernel that has not ended completely.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch, misc = Path(folder), Path(folder, "misc")
        home = scratch / "data" if not task.datasets else files.expanded(task.home or files.home())
        environment = kernel_environment(task.settings, home=home, misc=misc, scratch=scratch)
        notebook = nbformat.reads(task.source, as_version=4)
        if task.settings["NOTMNIST_BUDGET"] == "full":
            kept = checkpoints.folder_for(task.stem, task.source, task.settings, hashes, home)
            environment["NOTMNIST_CHECKPOINTS"] = str(kept)
            try:
                _execute_cells(task.stem, notebook, environment, stop)
            except KeyboardInterrupt:
                if any(kept.glob("*.npz")):
                    say(f"{task.stem}: the same command goes on after the runs that were finished")
                raise
            checkpoints.remove(kept)
        else:
            _execute_cells(task.stem, notebook, environment, stop)
        outputs = {
            path.relative_to(misc).as_posix(): path.read_bytes()
            for path in misc.rglob("*")
            if path.is_file()
        }
    return Executed(nbformat.writes(notebook) + "\n", outputs)


class _OwnKernelManager(AsyncKernelManager):
    """Start a kernel of the running Python, whichever kernelspecs the user has installed."""

    kernel_spec_manager = Instance(KernelSpecManager, kw={"kernel_dirs": []})


class _Client(NotebookClient):
    """Keep pictures small, and show how far training has come instead of keeping that.

    `fitting.progress` marks the messages that say how far it has come.
    """

    show: Callable[[str], None]

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        if msg["content"].get("metadata") == {"notmnist": "progress"}:
            self.show(msg["content"]["data"]["text/plain"])
            return None
        data = msg["content"].get("data", {})
        if "image/png" in data:
            data["image/png"] = pictures.with_palette(data["image/png"])
        return super().process_message(msg, cell, cell_index)


def _execute_cells(
    stem: str, notebook: NotebookNode, environment: Mapping[str, str], stop: Event
) -> None:
    code_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    progress = tqdm(total=code_cells, desc=stem, unit="cell")
    started = [1]
    client = _Client(
        notebook,
        timeout=None,
        kernel_name="python3",
        kernel_manager_class=_OwnKernelManager,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(files.notebooks())}},
        on_cell_execute=lambda cell, cell_index: started.append(cell_index + 1),
        on_cell_executed=lambda **_: progress.update(),
    )
    client.show = progress.set_postfix_str
    client.log.setLevel(logging.CRITICAL)  # the log repeats what the exception says
    try:
        asyncio.run(_until_done_or_stopped(client, environment, stop))
    except CellExecutionError as error:
        raise NotMNISTError(
            f"{stem}.ipynb, cell {started[-1]}: {error.ename}: {error.evalue}"
        ) from error
    except DeadKernelError as error:
        raise NotMNISTError(f"{stem}.ipynb, cell {started[-1]}: the kernel died") from error
    except RuntimeError as error:
        raise NotMNISTError(f"{stem}.ipynb: its kernel did not start ({error})") from error
    finally:
        progress.close()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


async def _until_done_or_stopped(
    client: NotebookClient, environment: Mapping[str, str], stop: Event
) -> None:
    # The notebook contains what its cells print on stderr; the kernel's own log is of no use.
    execution = asyncio.ensure_future(
        client.async_execute(env=dict(environment), stderr=subprocess.DEVNULL)
    )
    while not execution.done() and not stop.is_set():
        await asyncio.wait({execution}, timeout=_POLL_SECONDS)
    if stop.is_set():
        execution.cancel()
        await asyncio.gather(execution, return_exceptions=True)  # until the kernel has ended
        raise KeyboardInterrupt
    execution.result()
