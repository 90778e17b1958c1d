"""Run notebooks here or on a cluster, and keep the outputs of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from notmnist import files, pipeline, results, sources
from notmnist.errors import NotMNISTError, UsageError
from notmnist.running import cluster, local, studies
from notmnist.running.execution import Task


@dataclass(frozen=True)
class Finished:
    """Describe the outputs of an executed notebook.

    Attributes
    ----------
    notebook : Path
        The executed notebook.
    entries : list of dict
        The entries of its result file, one per model.
    picture : Path or None
        The picture of its learning curves, if it was kept.
    """

    notebook: Path
    entries: list[dict[str, Any]]
    picture: Path | None


def find_notebooks(names: Sequence[str]) -> list[Path]:
    """Find notebooks by name, or all of them if no name is given.

    Parameters
    ----------
    names : sequence of str
        Names such as ``03_minibatch_lr``, with or without ``.ipynb``.

    Returns
    -------
    list of Path
        The notebooks, ordered by their numbers.

    Raises
    ------
    UsageError
        When there is no notebook with one of the names.
    """
    folder = files.notebooks()
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    wanted = []
    for name in names:
        path = Path(name)
        elsewhere = path.parent != Path() and path.parent.absolute() != folder
        if elsewhere or path.name.removesuffix(".ipynb") not in known:
            raise UsageError(f"unknown notebook {name!r}: choose {', '.join(known)}")
        wanted.append(path.name.removesuffix(".ipynb"))
    return [path for stem, path in known.items() if not wanted or stem in wanted]


def run(
    notebooks: Sequence[Path],
    *,
    dataset: str,
    budget: str,
    seeds: int | None = None,
    home: str | None = None,
    scheduler: str | None = None,
    jobs: int | None = None,
    inplace: bool = False,
) -> Iterator[Finished]:
    """Execute notebooks, and keep the outputs of each one that succeeds.

    Parameters
    ----------
    notebooks : sequence of Path
        The notebooks, as `find_notebooks` returns them.
    dataset, budget : str
        The values of NOTMNIST_DATASET and NOTMNIST_BUDGET for the notebooks.
    seeds : int, optional
        The number of seeds to train with, which notebooks read from NOTMNIST_SEEDS. By default, the
        budget decides.
    home : str, optional
        The cache folder on every machine that runs a notebook. By default, each machine uses its
        own.
    scheduler : str, optional
        The address of a Dask scheduler whose workers run the notebooks. By default, they run here.
    jobs : int, optional
        The number of notebooks that run here at the same time. By default, ``full`` runs one, and
        ``quick`` as many as the cores and the memory allow.
    inplace : bool
        Whether to refresh the notebooks themselves, from an empty cache and without touching
        ``misc/``. Otherwise, the executed copies are written to ``misc/``.

    Yields
    ------
    Finished
        An executed notebook, once it and its files are written.

    Raises
    ------
    UsageError
        When `inplace` is combined with a dataset, budget or number of seeds that the committed
        outputs do not have, `scheduler` is not an address, or `jobs` is combined with `scheduler`.
    NotMNISTError
        When the folder for the outputs is not writable, or notebooks have failed. The latter is
        raised once the others are finished; failed notebooks and the files of earlier runs stay as
        they were.
    """
    if inplace and (dataset, budget, seeds) != (results.DEFAULT_DATASET, results.BUDGETS[0], None):
        raise UsageError("--inplace refreshes the committed outputs: quick runs on openglyphs only")
    if scheduler and jobs:
        raise UsageError("the cluster's workers decide how much runs at once: omit --jobs")
    files.check_writable(files.notebooks() if inplace else files.misc())
    settings = {
        "NOTMNIST_DATASET": dataset,
        "NOTMNIST_BUDGET": budget,
        "NOTMNIST_SEEDS": str(seeds or ""),
    }
    datasets = () if inplace else _datasets_for(dataset, home)
    originals = {path.stem: path for path in notebooks}
    tasks = [
        Task(stem, path.read_text(encoding="utf-8"), settings, datasets, home)
        for stem, path in originals.items()
    ]
    executions = (
        cluster.finished(tasks, scheduler)
        if scheduler
        else local.finished(tasks, jobs or local.default_jobs(budget))
    )
    for task, executed in executions:
        stem = results.result_stem(task.stem, dataset, budget)
        name = f"results/{stem}.json"
        left = executed.outputs.get(name)
        entries = results.parse_entries(left, name) if left is not None else []
        outputs = dict(executed.outputs)
        if budget == "full" and (text := studies.printed(executed.notebook)):
            outputs[f"results/{stem}.txt"] = text.encode()
        kept = {} if inplace else _keep(outputs, files.misc())
        target = originals[task.stem] if inplace else files.misc() / f"{stem}.ipynb"
        files.write_text(target, executed.notebook)
        yield Finished(target, entries, kept.get(results.picture_name(task.stem, dataset, budget)))


def summary_table(finished: Iterable[Finished]) -> str:
    """Format the results of notebooks as a table with one line per model.

    Returns
    -------
    str
        The notebook, the model, its mean accuracy on every test set in percent, and the picture.
    """
    rows = [("notebook", "model", "accuracy", "picture")]
    for one in sorted(finished, key=lambda one: one.notebook):
        picture = str(one.picture or "-")
        for entry in one.entries:
            scores = (
                f"{name} {100 * np.mean(score['accuracy']):.2f}%"
                for name, score in entry["tests"].items()
            )
            rows.append((one.notebook.stem, entry["model"], ", ".join(scores), picture))
        if not one.entries:
            rows.append((one.notebook.stem, "-", "-", picture))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _keep(outputs: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """Write the files of a notebook, and return the path of each."""
    for name in outputs:
        path = PureWindowsPath(name)  # it recognises both kinds of slash, and drives
        if path.anchor or ".." in path.parts or not path.name or not name.isprintable():
            raise NotMNISTError(
                f"a worker sent a file named {name!r:.80}, which would lie outside {folder}: find "
                "out who runs that worker"
            )
    for name, content in outputs.items():
        files.write_bytes(folder / name, content)
    return {name: folder / name for name in outputs}


def _datasets_for(dataset: str, home: str | None) -> tuple[str, ...]:
    names = [sources.find(dataset).name]
    # Every machine must score the same test sets; see `test_sets`.
    if dataset == results.DEFAULT_DATASET and pipeline.prepared_card("notmnist-small", home=home):
        names.append("notmnist-small")
    return tuple(names)
