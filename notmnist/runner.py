"""Run notebooks as they are, top to bottom, and keep executed copies."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
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
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        # A kernel on this machine warns that its sockets are not encrypted.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda **_: progress.update(),
    )
    try:
        client.execute(env=dict(environment))
    except CellExecutionError as error:
        raise NotMNISTError(
            f"{path.name}, {_cell(notebook)}: {error.ename}: {error.evalue}"
        ) from error
    except (DeadKernelError, CellTimeoutError) as error:
        raise NotMNISTError(f"{path.name}, {_cell(notebook)}: the kernel died") from error
    finally:
        progress.close()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def _cell(notebook: nbformat.NotebookNode) -> str:
    """Name the last code cell that was started."""
    started = [
        i
        for i, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and cell.execution_count
    ]
    return f"cell {started[-1] if started else 1}"
