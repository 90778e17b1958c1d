"""Run notebooks, here or on a cluster, and keep what each of them leaves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from notmnist import files, pipeline, results, sources
from notmnist.errors import NotMNISTError, UsageError
from notmnist.running import cluster, local
from notmnist.running.execution import Task


@dataclass(frozen=True)
class Finished:
    """Tell what an executed notebook has left.

    Attributes
    ----------
    notebook : Path
        The executed notebook.
    entries : list of dict
        Those of its result file, one per model.
    picture : Path or None
        Its curve, where one was kept.
    """

    notebook: Path
    entries: list[dict[str, Any]]
    picture: Path | None


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
    """Execute notebooks, and keep what each one leaves once it succeeds.

    Parameters
    ----------
    notebooks : sequence of Path
        As `find_notebooks` gives them.
    dataset, budget : str
        What the notebooks read as NOTMNIST_DATASET and NOTMNIST_BUDGET.
    seeds : int, optional
        How many seeds to train from, read as NOTMNIST_SEEDS; default: as many as the budget has.
    home : str, optional
        The cache folder, on whichever machine a notebook runs; default: that machine's own.
    scheduler : str, optional
        The address of a dask scheduler, over whose workers to spread the notebooks; by default
        they run here.
    jobs : int, optional
        How many run here side by side; default: with ``quick``, as many as there are cores and
        memory for, and with ``full``, one.
    inplace : bool
        Refresh the notebooks themselves, from an empty cache and without touching ``misc/``;
        otherwise the executed copies go to ``misc/``.

    Yields
    ------
    Finished
        An executed notebook, once it and the files it made are written.

    Raises
    ------
    UsageError
        When `inplace` is asked for with another dataset, budget or number of seeds than the
        committed outputs have, `scheduler` is no address, or `jobs` is given beside it.
    NotMNISTError
        When the folder where files belong can't be written, or, once the others are finished, when
        notebooks have failed. They are left as they were, and so are the files of earlier runs.
    """
    if inplace and (dataset, budget, seeds) != (results.DEFAULT_DATASET, results.BUDGETS[0], None):
        raise UsageError("--inplace refreshes the committed outputs: quick runs on openglyphs only")
    if scheduler and jobs:
        raise UsageError("the cluster's workers decide how much runs at once: leave --jobs out")
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
        kept = {} if inplace else _keep(executed.outputs, files.misc())
        target = originals[task.stem] if inplace else files.misc() / f"{stem}.ipynb"
        files.write_text(target, executed.notebook)
        yield Finished(target, entries, kept.get(results.picture_name(task.stem, dataset, budget)))


def summary_table(finished: Iterable[Finished]) -> str:
    """Lay out what notebooks have left, one line per model.

    Returns
    -------
    str
        Notebook, model, mean accuracy on every test set in percent, and picture.
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
    """Write what a notebook has left, and tell where each file lies."""
    for name in outputs:
        path = PureWindowsPath(name)  # takes both kinds of slash, and drives, for what they are
        if path.anchor or ".." in path.parts or not path.name or not name.isprintable():
            raise NotMNISTError(
                f"a worker sent a file named {name!r:.80}, which lies outside {folder}: look for "
                "who runs that worker"
            )
    for name, content in outputs.items():
        files.write_bytes(folder / name, content)
    return {name: folder / name for name in outputs}


def _datasets_for(dataset: str, home: str | None) -> tuple[str, ...]:
    names = [sources.find(dataset).name]
    # What one machine scores, another must score too; see `test_sets`.
    if dataset == results.DEFAULT_DATASET and pipeline.prepared_card("notmnist-small", home=home):
        names.append("notmnist-small")
    return tuple(names)
