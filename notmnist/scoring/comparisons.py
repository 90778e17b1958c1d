"""Compare models with one another on the same images."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from notmnist.scoring.intervals import paired_difference


class LabelledImages(Protocol):
    """What a comparison reads of a test set: a `Split` has both."""

    @property
    def labels(self) -> np.ndarray:
        """Name the letter of every image, shape (N,)."""

    @property
    def families(self) -> np.ndarray:
        """Name the font family of every image, shape (N,)."""


def differences(
    predictions: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    pairs: Sequence[tuple[str, str]],
    tests: Mapping[str, LabelledImages],
) -> dict[str, list[Any]]:
    """Tabulate paired differences in accuracy, each with its 95% interval.

    Parameters
    ----------
    predictions : mapping of str to mapping
        By the model's name: its predictions, as `Trained.predictions` holds them.
    pairs : sequence of (str, str)
        The models to compare; the second is subtracted from the first.
    tests : mapping of str to Split
        The test sets that the models predicted, by name.

    Returns
    -------
    dict of str to list
        The columns ``test set``, ``model`` and ``minus`` (names), and ``points``, ``low`` and
        ``high`` (percentage points): the difference and the bounds of its interval.

    Raises
    ------
    UsageError
        As `paired_difference`.
    """
    table: dict[str, list[Any]] = {
        name: [] for name in ("test set", "model", "minus", "points", "low", "high")
    }
    for test, split in tests.items():
        correct = {
            model: np.stack(of_tests[test]) == split.labels
            for model, of_tests in predictions.items()
        }
        for one, other in pairs:
            found = paired_difference(correct[one], correct[other], split.families)
            row = (test, one, other, *(100 * value for value in found))
            for column, value in zip(table.values(), row, strict=True):
                column.append(value)
    return table


def describe(table: Mapping[str, Sequence[Any]]) -> str:
    """Word a table of differences, one line per pair and test set.

    Parameters
    ----------
    table : mapping
        As `differences` returns it.

    Returns
    -------
    str
        Names, difference and interval; and whether the interval leaves out 0.
    """
    rows = list(zip(*table.values(), strict=True))
    pairs = [f"{test}: {one} - {other}" for test, one, other, *_ in rows]
    width = max(map(len, pairs))
    return "\n".join(
        f"{pair:<{width}}  {points:+.2f} [{low:+.2f}, {high:+.2f}] points: "
        + ("no difference can be claimed" if low <= 0 <= high else "a difference")
        for pair, (*_, points, low, high) in zip(pairs, rows, strict=True)
    )
