"""Groups of exact and near copies: counts for a dataset's card, and a table of the groups."""

import csv
import io
from typing import Any

import numpy as np

from notmnist.deduplication import exact, near
from notmnist.sources import LETTERS, SPLITS

COLUMNS = ("group", "split", "letter", "font", "exact")


def find_groups(
    images: np.ndarray, labels: np.ndarray, fonts: np.ndarray, split: np.ndarray
) -> tuple[str, dict[str, Any]]:
    """Find all groups of exact and near duplicates, tabulate them, and count them.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        All images of a dataset, in any order.
    labels, split : ndarray of uint8, shape (N,)
        Letters, and splits as 0 train, 1 valid, 2 test.
    fonts : ndarray of str, shape (N,)
        The font of every image.

    Returns
    -------
    table : str
        CSV with one row for each image of a group of two or more: the number of its group, its
        split, letter and font, and the number of the exact copies within the group that it belongs
        to. Groups and rows are in the order of letter and font.
    report : dict
        The counts of `duplicate_report`, of groups of near duplicates, with the ``threshold`` and
        the number of near ``pairs``.
    """
    order = np.lexsort((fonts, labels))
    images, labels, fonts, split = (column[order] for column in (images, labels, fonts, split))
    first = exact.first_copies(images)
    pairs = near.near_pairs(images)
    group = near.near_groups(first, pairs)
    report = exact.duplicate_report(group, labels, split)
    counts = {"threshold": near.THRESHOLD, "pairs": len(pairs.first)} | report
    return _table(group, first, labels, fonts, split), counts


def _table(
    group: np.ndarray, first: np.ndarray, labels: np.ndarray, fonts: np.ndarray, split: np.ndarray
) -> str:
    sizes = np.bincount(group, minlength=len(group))
    rows = np.flatnonzero(sizes[group] > 1)
    rows = rows[np.lexsort((rows, first[rows], group[rows]))]
    _, number = np.unique(group[rows], return_inverse=True)
    _, copies = np.unique(first[rows], return_inverse=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, group_number, copies_number in zip(rows, number, copies, strict=True):
        letter = LETTERS[labels[row]]
        writer.writerow([group_number, SPLITS[split[row]], letter, fonts[row], copies_number])
    return text.getvalue()
