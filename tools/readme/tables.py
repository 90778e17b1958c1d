"""Format results, and the figures of the original repository, as Markdown tables."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from notmnist import original
from notmnist.original import Published
from notmnist.results import TESTS, data_version, published, times_scored

Entry = Mapping[str, Any]
Entries = Mapping[str, Sequence[Entry]]
Cell = Callable[[Entry], str]


@dataclass(frozen=True)
class Protocol:
    """Describe what models are trained on and tested on. Each table shows one protocol.

    Attributes
    ----------
    title : str
        A heading for the table.
    trained_on, training : str
        The name of the dataset, and its name in the header of a table.
    tested_on : tuple of str
        The test sets, by their names in result files. A model belongs to the protocol if it was
        scored on the first.
    with_original : bool
        Whether the original repository also followed this protocol.
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
    """Tabulate all results of a protocol, with one row per model.

    Parameters
    ----------
    entries : mapping of str to sequence of mapping
        The results by training set, as `notmnist.results.read_results` returns them.
    protocol : Protocol
        The protocol, whose training set and test sets decide what is shown.
    notebooks : str
        The path from the page to the folder of the notebooks, for links.

    Returns
    -------
    str
        A Markdown table of mean accuracies over the seeds, in percent, with their 95% intervals in
        brackets. If there is no result, a sentence that says so.
    """
    return _results(_of_protocol(entries, protocol), protocol, notebooks, _COSTS)


def summary_table(entries: Entries, protocol: Protocol, notebooks: str) -> str:
    """Tabulate the results of a protocol with one row per notebook.

    Parameters
    ----------
    entries, protocol, notebooks
        As for `results_table`.

    Returns
    -------
    str
        A table like that of `results_table`, but without costs and with one model per notebook:
        the last one, which has everything that the notebook adds. Beside the original's figures, it
        is the first one, which adds nothing.
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
        The results, as for `results_table`. Only those of notebook 12 are shown.

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
    header = ["dataset", "model", "random split", *map(escaped, names)]
    body = [
        [
            row[0],
            escaped(row[1]),
            _accuracy_cell(entry["tests"]["random"]),
            *(_difference_cell(effects[row].get(name)) for name in names),
        ]
        for row, entry in random.items()
    ]
    return markdown([header, *body], text_columns=2)


def looks(entries: Entries) -> str:
    """Say how often full runs have scored the genuine small set.

    Parameters
    ----------
    entries : mapping of str to sequence of mapping
        The results, as for `results_table`.

    Returns
    -------
    str
        A sentence.
    """
    of_all = [entry for of_dataset in entries.values() for entry in of_dataset]
    genuine = {test: times_scored(of_all, test) for test in TESTS if test.startswith("notmnist")}
    counts = ", ".join(f"{count} on {TESTS[test]}" for test, count in genuine.items())
    return f"Full runs of notebooks that were scored: {counts}."


def published_table(figures: Sequence[Published]) -> str:
    """Tabulate the original repository's figures, each with the run that gave it.

    Parameters
    ----------
    figures : sequence of Published
        The figures, as `notmnist.original` lists them.

    Returns
    -------
    str
        A Markdown table that links each figure to the notebook of its run.
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
    """Format rows of cells as a Markdown table.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header and the rows below it.
    text_columns : int
        The number of columns, counted from the left, that contain text. The others are aligned to
        the right.

    Returns
    -------
    str
        The table.
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
        if protocol.tested_on[0] in entry["tests"]
    ]


def _results(
    entries: Sequence[Entry], protocol: Protocol, notebooks: str, more: Mapping[str, Cell]
) -> str:
    if not entries:
        return f"No full run on {protocol.training} has been recorded yet."
    columns: dict[str, Cell] = {
        "model": lambda entry: (
            f"[{escaped(entry['model'])}]({notebooks}/{entry['notebook']}.ipynb)"
            + (f" (on {data_version(entry)})" if len(set(map(data_version, entries))) > 1 else "")
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


def escaped(text: str) -> str:
    """Escape text so that nothing in it is read as Markdown or HTML."""
    return re.sub(r"[\\`*_\[\]<>|&]", r"\\\g<0>", text)


def _column_name(entries: Sequence[Entry], protocol: Protocol, test: str) -> str:
    """Name a column after the training set, its version if all rows share it, and the test set."""
    counts = sorted({entry["tests"][test]["n"] for entry in entries if test in entry["tests"]})
    images = " or ".join(f"{count:,}" for count in counts) or "-"
    version, *others = {data_version(entry) for entry in entries}
    training = protocol.training if others else f"{protocol.training} {version}".rstrip()
    return f"{training} → {TESTS[test]}, n = {images}"


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
