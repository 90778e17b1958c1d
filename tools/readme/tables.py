"""Results and the original's figures as Markdown tables."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from notmnist import original
from notmnist.original import Published
from notmnist.results import TESTS, published

Entry = Mapping[str, Any]
Entries = Mapping[str, Sequence[Entry]]
Cell = Callable[[Entry], str]


@dataclass(frozen=True)
class Protocol:
    """What models are trained on and what they are tested on; a table shows one protocol.

    Attributes
    ----------
    title : str
        A heading for the table.
    trained_on, training : str
        The dataset's name, and how a table's header names it.
    tested_on : tuple of str
        The test sets, as result files name them.
    with_original : bool
        Whether the original repository followed this protocol too.
    """

    title: str
    trained_on: str
    training: str
    tested_on: tuple[str, ...]
    with_original: bool = False


PROTOCOLS = {
    "openglyphs": Protocol(
        "OpenGlyphs → genuine small: nothing genuine in training",
        "openglyphs",
        "OpenGlyphs",
        ("openglyphs", "notmnist-small", "notmnist-small-clean"),
    ),
    "by font": Protocol(
        "Genuine small, by font",
        "notmnist-small",
        "notMNIST small",
        ("notmnist-small-fonts",),
    ),
    "large": Protocol(
        "Genuine large → genuine small: the original's protocol",
        "notmnist",
        "notMNIST large",
        ("notmnist-small",),
        with_original=True,
    ),
}


_COSTS: dict[str, Cell] = {
    "parameters": lambda entry: f"{entry['parameters']:,}",
    "steps": lambda entry: f"{entry['steps']:,}",
    "training, s": lambda entry: f"{entry['train_seconds']:.1f}",
}


def results_table(entries: Entries, protocol: Protocol, notebooks: str) -> str:
    """Lay out all results of a protocol, one row per model.

    Parameters
    ----------
    entries : mapping of str to sequence of mapping
        By training set, as `notmnist.results.read_results` gives them.
    protocol : Protocol
        Its training set and its test sets choose what is shown.
    notebooks : str
        The folder that links lead to, seen from the page.

    Returns
    -------
    str
        A Markdown table: accuracies in percent, means over the seeds, with their 95% intervals in
        brackets. A sentence where there is no result.
    """
    return _results(_of_protocol(entries, protocol), protocol, notebooks, _COSTS)


def summary_table(entries: Entries, protocol: Protocol, notebooks: str) -> str:
    """Lay out a protocol's results in few rows.

    Parameters
    ----------
    entries, protocol, notebooks
        As for `results_table`.

    Returns
    -------
    str
        As `results_table`, but without costs and with one model per notebook: its last, which has
        all that the notebook adds; beside the original's figures its first, the plain one.
    """
    of_protocol = _of_protocol(entries, protocol)
    ordered = of_protocol[::-1] if protocol.with_original else of_protocol
    one_each = {entry["notebook"]: entry for entry in ordered}.values()
    shown = [entry for entry in of_protocol if entry in one_each]
    return _results(shown, protocol, notebooks, {})


def split_table(entries: Entries) -> str:
    """Lay out what a random split adds to accuracy, and why, one row per dataset and model.

    Parameters
    ----------
    entries : mapping of str to sequence of mapping
        As for `results_table`; those of notebook 12 are shown.

    Returns
    -------
    str
        A Markdown table like that of `results_table`.
    """
    random = {
        (dataset, entry["model"].removesuffix(", random")): entry
        for dataset, of_dataset in entries.items()
        for entry in of_dataset
        if "random" in entry["tests"]
    }
    effects = {row: _effects(entry) for row, entry in random.items()}
    names = list(dict.fromkeys(name for of_row in effects.values() for name in of_row))
    header = ["dataset", "model", "random split", *map(_escaped, names)]
    body = [
        [
            row[0],
            _escaped(row[1]),
            _accuracy_cell(entry["tests"]["random"]),
            *(_difference_cell(effects[row].get(name)) for name in names),
        ]
        for row, entry in random.items()
    ]
    return markdown([header, *body], text_columns=2)


def published_table(figures: Sequence[Published]) -> str:
    """Lay out the original's figures, each with its run.

    Parameters
    ----------
    figures : sequence of Published
        As `notmnist.original` lists them.

    Returns
    -------
    str
        A Markdown table that links each figure to the notebook with its run.
    """
    header = ["model", "recipe of the run", "commit", "README, %", "printed, %", "time, s"]
    body = [
        [
            figure.trained,
            figure.recipe,
            _link_to_run(figure),
            "-" if figure.readme is None else f"{figure.readme:g}",
            "-" if figure.printed is None else f"{figure.printed:.2f}",
            "-" if figure.seconds is None else f"{figure.seconds:,g}",
        ]
        for figure in figures
    ]
    return markdown([header, *body], text_columns=3)


def markdown(rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Write rows of cells as a Markdown table.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header and the rows below it.
    text_columns : int
        How many of the first columns hold text; the others are aligned to the right.
    """
    header, *body = rows
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *body))


def _effects(entry: Entry) -> dict[str, Sequence[float]]:
    """Return what each leak adds; earlier runs measured all of them together."""
    if "effects" in entry:
        return entry["effects"]
    gain = entry.get("gain_over_by_font")
    return {} if gain is None else {"random - by font": gain}


def _difference_cell(difference: Sequence[float] | None) -> str:
    if difference is None:
        return "-"
    mean, low, high = (100 * value for value in difference)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _of_protocol(entries: Entries, protocol: Protocol) -> list[Entry]:
    return [
        entry
        for entry in entries.get(protocol.trained_on, ())
        if entry["tests"].keys() & set(protocol.tested_on)
    ]


def _results(
    entries: Sequence[Entry], protocol: Protocol, notebooks: str, more: Mapping[str, Cell]
) -> str:
    if not entries:
        return f"No full run on {protocol.training} has been recorded yet."
    columns: dict[str, Cell] = {
        "model": lambda entry: (
            f"[{_escaped(entry['model'])}]({notebooks}/{entry['notebook']}.ipynb)"
        ),
        **more,
    }
    for test in protocol.tested_on:
        columns[_column_name(entries, protocol, test)] = _accuracy_on(test)
    if protocol.with_original:
        columns["the original's"] = lambda entry: published(entry["model"])
    return markdown([
        list(columns), *([cell(entry) for cell in columns.values()] for entry in entries)
    ])  # fmt: skip


def _escaped(text: str) -> str:
    """Write text so that nothing in it is Markdown or HTML."""
    return re.sub(r"[\\`*_\[\]<>|&]", r"\\\g<0>", text)


def _column_name(entries: Sequence[Entry], protocol: Protocol, test: str) -> str:
    """Name a column by training set, test set and number of test images."""
    counts = sorted({entry["tests"][test]["n"] for entry in entries if test in entry["tests"]})
    images = " or ".join(f"{count:,}" for count in counts) or "-"
    return f"{protocol.training} → {TESTS[test]}, n = {images}"


def _accuracy_on(test: str) -> Cell:
    return lambda entry: _accuracy_cell(entry["tests"].get(test))


def _accuracy_cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "-"
    low, high = score["interval"]
    return f"{100 * np.mean(score['accuracy']):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _link_to_run(figure: Published) -> str:
    if not figure.commit:
        return "none"
    return f"[{figure.commit}]({original.REPOSITORY}/blob/{figure.commit}/{figure.notebook})"
