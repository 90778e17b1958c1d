"""Exact and near copies of a prepared dataset: counts for its card, and a table of the groups."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from notmnist import deduplication, files, near_duplicates
from notmnist.dataset import SPLITS, Dataset, Split
from notmnist.sources import LETTERS

COLUMNS = ("group", "split", "letter", "font", "exact")


def find_groups(data: Dataset, path: Path) -> dict[str, Any]:
    """Find all groups of exact and near duplicates, write them as CSV, and count them.

    Parameters
    ----------
    data : Dataset
        Loaded with ``dedup="none"``, so that nothing is left out.
    path : Path
        The CSV to write, one row an image of a group of two or more: the number of its group, its
        split, letter and font, and the number of the exact copies within the group that it belongs
        to. Groups and rows are in the order of letter and font.

    Returns
    -------
    dict
        The counts of `duplicate_report`, of groups of near duplicates, with the ``threshold`` and
        the number of near ``pairs``.

    Raises
    ------
    NotMNISTError
        When the CSV can't be written.
    """
    joined, split = _joined(data)
    order = np.lexsort((joined.fonts, joined.labels))
    joined, split = joined[order], split[order]
    first = deduplication.first_copies(joined.images)
    pairs = near_duplicates.near_pairs(joined.images)
    group = near_duplicates.near_groups(first, pairs)
    files.write_text(path, _table(group, first, joined, split))
    report = deduplication.duplicate_report(group, joined.labels, split)
    return {"threshold": near_duplicates.THRESHOLD, "pairs": len(pairs.first)} | report


def _joined(data: Dataset) -> tuple[Split, np.ndarray]:
    parts = [data.train, data.valid, data.test]
    split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(part) for part in parts])
    return Split.joined(parts), split


def _table(group: np.ndarray, first: np.ndarray, joined: Split, split: np.ndarray) -> str:
    sizes = np.bincount(group, minlength=len(group))
    rows = np.flatnonzero(sizes[group] > 1)
    rows = rows[np.lexsort((rows, first[rows], group[rows]))]
    _, number = np.unique(group[rows], return_inverse=True)
    _, exact = np.unique(first[rows], return_inverse=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, group_number, exact_number in zip(rows, number, exact, strict=True):
        letter = LETTERS[joined.labels[row]]
        writer.writerow([group_number, SPLITS[split[row]], letter, joined.fonts[row], exact_number])
    return text.getvalue()
