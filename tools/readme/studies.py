"""Format what the studies measured, notebooks 13 to 16, as Markdown tables."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from notmnist.scoring.reports import bracketed
from tools.readme.tables import Entries, escaped, markdown


class Study(NamedTuple):
    """Name the table of a study that docs/results.md shows.

    Attributes
    ----------
    notebook : str
        The notebook's name without ``.ipynb``.
    title : str
        The table's title in the notebook's result file.
    text_columns : int
        The number of columns, counted from the left, that contain text.
    """

    notebook: str
    title: str
    text_columns: int = 1


STUDIES = {
    "single changes": Study("13_best", "single changes"),
    "unknown inputs": Study("14_out_of_distribution", "AUROC"),
    "MNIST known": Study("14_out_of_distribution", "AUROC, known MNIST digits"),
    "Fashion-MNIST known": Study("14_out_of_distribution", "AUROC, known Fashion-MNIST"),
    "wrong labels": Study("15_label_noise", "found", text_columns=3),
    "calibration": Study("16_calibration", "calibration, test families"),
}


def study_table(entries: Entries, study: Study) -> str:
    """Tabulate what a study's full run on OpenGlyphs measured.

    Parameters
    ----------
    entries : mapping of str to sequence of mapping
        The results by training set, as `notmnist.results.read_results` returns them.
    study : Study
        The notebook and its table.

    Returns
    -------
    str
        A Markdown table. Columns that bound another one, such as ``"NLL, low"`` and
        ``"NLL, high"``, stand in brackets behind its values. If there is no full run, a sentence
        that says so.
    """
    for entry in entries.get("openglyphs", ()):
        tables = entry.get("searches", {}) | entry.get("tables", {})
        if entry["notebook"] == study.notebook and study.title in tables:
            return _formatted(tables[study.title], study.text_columns)
    return f"No full run of notebook {study.notebook[:2]} has been recorded yet."


def _formatted(columns: Mapping[str, Sequence[Any]], text_columns: int) -> str:
    shown = bracketed(columns, _cell)
    rows = [list(row) for row in zip(*shown.values(), strict=True)]
    return markdown([[escaped(name) for name in shown], *rows], text_columns)


def _cell(value: Any) -> str:
    """Format a value: numbers to three digits, without an exponent."""
    if isinstance(value, str):
        return escaped(value)
    return "-" if value is None else f"{Decimal(f'{value:#.3g}'):f}"
