"""What result files say, in words: for a notebook that has just run, and for its full run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from notmnist import files
from notmnist.scoring.entries import data_version, read_results

if TYPE_CHECKING:
    from IPython.display import Image

INTERVALS = (
    "In brackets: 95% intervals of the mean over seeds, for new families of fonts (fonts where no\n"
    "families are known). A single seed may lie outside."
)
_PAGE_WIDTH = 108  # about what JupyterLab shows without folding lines
_EARLIER = (
    "This run predates the recording of choices, searches and curves. Its intervals on other test\n"
    "sets than openglyphs are Wilson's, which take images as independent and are about half as\n"
    "wide as they should be."
)


def describe(entries: Sequence[Mapping[str, Any]]) -> str:
    """Describe how accurate each model is, one line per test set.

    Parameters
    ----------
    entries : sequence of mapping
        As `Run.record` returns them.

    Returns
    -------
    str
        Mean accuracy over the seeds in percent, its interval, the number of images, the time.
    """
    lines = [line for entry in entries for line in _score_lines(entry)]
    return "\n".join([*lines, INTERVALS])


def full_budget(notebook: str) -> str:
    """Describe what the committed full runs of a notebook gave, one block per training set.

    Parameters
    ----------
    notebook : str
        Its name without ``.ipynb``.

    Returns
    -------
    str
        As `describe`, and, where the run recorded them, what was chosen for each model, the
        searches behind it, and what the notebook's studies printed.

    Raises
    ------
    NotMNISTError
        When a result file can't be read.
    """
    blocks = []
    by_dataset = read_results(files.committed_results())
    for dataset in sorted(by_dataset, key=lambda name: (name != "openglyphs", name)):
        of_dataset = by_dataset[dataset]
        if entries := [entry for entry in of_dataset if entry["notebook"] == notebook]:
            named = f"{dataset} {data_version(entries[0])}".rstrip()
            blocks.append("\n".join([f"Trained on {named}", *_lines(entries)]))
            printed = files.committed_results() / f"{notebook}-{dataset}.txt"
            if printed.is_file():
                blocks.append(printed.read_text(encoding="utf-8").rstrip("\n"))
    if not blocks:
        return f"No full run of {notebook} has been recorded yet."
    return "\n\n".join([*blocks, INTERVALS])


def bracketed(
    columns: Mapping[str, Sequence[Any]], cell: Callable[[Any], str]
) -> dict[str, list[str]]:
    """Format the columns of a table, with bounds in brackets behind the values that they bound.

    Parameters
    ----------
    columns : mapping of str to sequence
        By name; the bounds of a column ``"NLL"`` are ``"NLL, low"`` and ``"NLL, high"``.
    cell : callable
        Formats one value.

    Returns
    -------
    dict of str to list of str
        By the names of the columns that are not bounds.
    """
    shown = {}
    for name, column in columns.items():
        low, high = (columns.get(f"{name}, {end}") for end in ("low", "high"))
        if low is not None and high is not None:
            bounded = zip(*(map(cell, part) for part in (column, low, high)), strict=True)
            shown[name] = ["{} [{}, {}]".format(*values) for values in bounded]
        elif not name.endswith((", low", ", high")):
            shown[name] = list(map(cell, column))
    return shown


def full_figure(notebook: str) -> "Image | None":
    """Show the figure that a notebook drew in its committed full run on OpenGlyphs.

    Parameters
    ----------
    notebook : str
        Its name without ``.ipynb``.

    Returns
    -------
    IPython.display.Image or None
        The figure; None in an installation from a wheel, which has none.
    """
    from IPython.display import Image

    path = files.committed_results().with_name(f"{notebook}.png")
    alt = f"The figure of the full run of {notebook}"
    return Image(path.read_bytes(), alt=alt) if path.is_file() else None


def _lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield from _score_lines(entry)
        for name, values in entry.get("effects", {}).items():
            difference, low, high = (100 * value for value in values)
            yield f"  {name:<22} {difference:+.2f} [{low:+.2f}, {high:+.2f}] points"
        choices = [f"{name} {_cell(value)}" for name, value in entry.get("choices", {}).items()]
        if choices:
            yield f"  chosen: {', '.join(choices)}"
        shown = entry.get("searches", {}) | entry.get("tables", {})
        for title, columns in shown.items():
            yield f"  {title}:"
            yield from _table_lines(bracketed(columns, _cell))
    if not all("curves" in entry for entry in entries):
        yield _EARLIER


def _table_lines(columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Align the columns; those that the page has no room for follow below, beside the first."""
    first, *others = ([name, *column] for name, column in columns.items())
    page = [first]
    for column in others:
        if len(page) > 1 and sum(map(_width, [*page, column])) > _PAGE_WIDTH:
            yield from _aligned(page)
            page = [first]
        page.append(column)
    yield from _aligned(page)


def _aligned(columns: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in zip(*columns, strict=True):
        yield "  " + "".join(map(str.rjust, row, map(_width, columns)))


def _width(column: Sequence[str]) -> int:
    return 2 + max(map(len, column))


def _score_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    seeds = len(entry["seeds"])
    yield (
        f"{entry['model']}: {entry['train_seconds']:.1f} s of training per seed, "
        f"{seeds} seed{'s' if seeds > 1 else ''}"
    )
    for name, score in entry["tests"].items():
        low, high = (100 * bound for bound in score["interval"])
        yield (
            f"  {name:<22} {100 * np.mean(score['accuracy']):.2f}% "
            f"[{low:.2f}, {high:.2f}] of {score['n']:,} images"
        )


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)
