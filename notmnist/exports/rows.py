"""Describe what exports and views accept, and select the rows that go into one file."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

_PIECE = 1_000  # images in memory at a time


class Rows(Protocol):
    """Describe anything with images, labels and fonts row by row, such as `notmnist.Split`."""

    @property
    def images(self) -> np.ndarray:
        """Return the images."""

    @property
    def labels(self) -> np.ndarray:
        """Return the letters, A = 0 .. J = 9."""

    @property
    def font_index(self) -> np.ndarray:
        """Return the place of every image's font in `font_names`."""

    @property
    def font_names(self) -> np.ndarray:
        """Return the file names of all fonts."""

    @property
    def font_families(self) -> np.ndarray:
        """Return the families of all fonts."""

    @property
    def fonts(self) -> np.ndarray:
        """Return the font of every image."""

    def __len__(self) -> int:
        """Count the images."""

    def __getitem__(self, rows: np.ndarray) -> "Rows":
        """Select rows."""

    def pieces(self) -> Iterator["Rows"]:
        """Yield all rows in order, a number of them at a time."""


class Splits(Protocol):
    """Describe anything with a name and three splits, such as `notmnist.Dataset`."""

    @property
    def name(self) -> str:
        """Return the name of the dataset."""

    @property
    def train(self) -> Rows:
        """Return the training split."""

    @property
    def valid(self) -> Rows:
        """Return the validation split."""

    @property
    def test(self) -> Rows:
        """Return the test split."""


class Selection:
    """Select rows of splits without reading them before they are written.

    Parameters
    ----------
    splits : sequence of Rows
        The splits, whose rows follow one another.
    count : int
        The number of rows to select, evenly spaced over all of them.
    """

    def __init__(self, splits: Sequence[Rows], count: int) -> None:
        starts = np.cumsum([0, *map(len, splits)])
        # Not the first rows: the repeats in a split, if they are kept, are its last rows.
        rows = np.arange(count) * starts[-1] // max(count, 1)
        parts = np.split(rows, np.searchsorted(rows, starts[1:-1]))
        self._count = count
        self._chosen = [
            (split, part - start)
            for split, part, start in zip(splits, parts, starts[:-1], strict=True)
        ]

    def __len__(self) -> int:
        """Count the rows."""
        return self._count

    @property
    def labels(self) -> np.ndarray:
        """Return the labels of all rows: ndarray of uint8, shape (len(self),)."""
        return np.concatenate([split.labels[rows] for split, rows in self._chosen])

    def pieces(self) -> Iterator[Rows]:
        """Yield all rows in order, a thousand at a time."""
        for split, rows in self._chosen:
            for start in range(0, len(rows), _PIECE):
                yield split[rows[start : start + _PIECE]]
