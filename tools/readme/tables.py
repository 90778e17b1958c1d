"""The README's results tables, made from the committed result files alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from notmnist import files
from notmnist.errors import NotMNISTError
from notmnist.results import DEFAULT_DATASET, SPLIT_KINDS, TESTS, published, read_results
from tools.readme import speed


def results_table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Lay out results as a Markdown table, one row a model.

    Parameters
    ----------
    entries : sequence of mapping
        As `read_results` gives them: a model trained on two datasets has two entries and one row.
        Parameters, steps and seconds are those of the entry trained on OpenGlyphs.

    Returns
    -------
    str
        Accuracies in percent, means over the seeds, with their 95% intervals in brackets.
    """
    header = [
        "model",
        "curve",
        "parameters",
        "steps",
        "training, s",
        *TESTS.values(),
        "original (published)",
    ]
    lines = [_row(header), _row(["---"] + ["---:"] * (len(header) - 1))]
    entries = [entry for entry in entries if TESTS.keys() & entry["tests"].keys()]
    for model in dict.fromkeys(entry["model"] for entry in entries):
        of_model = [entry for entry in entries if entry["model"] == model]
        main = min(of_model, key=lambda entry: entry["dataset"] != DEFAULT_DATASET)
        tests = {name: score for entry in of_model for name, score in entry["tests"].items()}
        cells = [
            f"[{model}](notebooks/{main['notebook']}.ipynb)",
            f'<img src="misc/{main["notebook"]}.png" width="160" alt="">',
            f"{main['parameters']:,}",
            f"{main['steps']:,}",
            f"{main['train_seconds']:.1f}",
            *(_accuracy_cell(tests.get(name)) for name in TESTS),
            published(model),
        ]
        lines.append(_row(cells))
    return "\n".join(lines)


def split_table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Lay out what the kind of split does to accuracy, one row a dataset and model.

    Parameters
    ----------
    entries : sequence of mapping
        As `read_results` gives them; those of notebook 12 count.

    Returns
    -------
    str
        A Markdown table like that of `results_table`.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        for kind in entry["tests"].keys() & set(SPLIT_KINDS):
            model = entry["model"].removesuffix(f", {kind}")
            row = rows.setdefault((entry["dataset"], model), {"gain": "-"})
            row[kind] = entry["tests"][kind]
            if gain := entry.get("gain_over_by_font"):
                mean, low, high = (100 * value for value in gain)
                row["gain"] = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
    header = ["dataset", "model", *SPLIT_KINDS, "random - by font"]
    lines = [_row(header), _row(["---"] * 2 + ["---:"] * 4)]
    for (dataset, model), row in rows.items():
        cells = [_accuracy_cell(row.get(kind)) for kind in SPLIT_KINDS]
        lines.append(_row([dataset, model, *cells, row["gain"]]))
    return "\n".join(lines)


def update_readme(readme: Path, folder: Path) -> None:
    """Write the tables of results and of speed between the README's markers.

    Parameters
    ----------
    readme : Path
        The file to change, at the top of the checkout.
    folder : Path
        ``misc/results``; the benchmarks are beside it.

    Raises
    ------
    NotMNISTError
        When the README or its markers are missing, or a result file can't be read.
    """
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise NotMNISTError(f"cannot read {readme} ({error.strerror}): restore it") from error
    entries = read_results(folder)
    measured = speed.read_measurements(folder.parent / "benchmarks.json")
    tables = {
        "results": results_table(entries),
        "splits": split_table(entries),
        "data speed": _plain_table(speed.data_rows(measured, readme.parent)),
        "training speed": _plain_table(speed.training_rows(measured, readme.parent)),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        try:
            before, rest = text.split(begin)
            _, after = rest.split(end)
        except ValueError:
            raise NotMNISTError(
                f"{readme} lacks the two lines {begin} and {end}: put them where the table belongs"
            ) from None
        text = f"{before}{begin}\n{table}\n{end}{after}"
    files.write_text(readme, text)


def _accuracy_cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "-"
    low, high = score["interval"]
    return f"{100 * np.mean(score['accuracy']):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _plain_table(rows: Sequence[Sequence[str]]) -> str:
    header, *rows = rows
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join(_row(row) for row in (header, rule, *rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
