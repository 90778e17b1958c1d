"""What exports and views take, and the rows of it that go into one file."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

_PIECE = 1_000  # images in memory at a time


class Rows(Protocol):
    """Have images, labels and fonts, row by row, as `notmnist.Split` has them."""

    @property
    def images(self) -> np.ndarray:
        """Give the images."""

    @property
    def labels(self) -> np.ndarray:
        """Give the letters, A = 0 .. J = 9."""

    @property
    def font_index(self) -> np.ndarray:
        """Give the row of every image's font in `font_names`."""

    @property
    def font_names(self) -> np.ndarray:
        """Give the file names of all fonts."""

    @property
    def font_families(self) -> np.ndarray:
        """Give the families of all fonts."""

    @property
    def fonts(self) -> np.ndarray:
        """Name the font of every image."""

    def __len__(self) -> int:
        """Count the images."""

    def __getitem__(self, rows: np.ndarray) -> "Rows":
        """Select rows."""

    def pieces(self) -> Iterator["Rows"]:
        """Yield all rows in order, some at a time."""


class Splits(Protocol):
    """Have a name and three splits, as `notmnist.Dataset` has them."""

    @property
    def name(self) -> str:
        """Name the dataset."""

    @property
    def train(self) -> Rows:
        """Give the training split."""

    @property
    def valid(self) -> Rows:
        """Give the validation split."""

    @property
    def test(self) -> Rows:
        """Give the test split."""


class Selection:
    """Choose rows of splits, which are read only when they are written.

    Parameters
    ----------
    splits : sequence of Rows
        Their rows follow one another.
    count : int
        How many rows to choose, at equal distances over all of them.
    """

    def __init__(self, splits: Sequence[Rows], count: int) -> None:
        starts = np.cumsum([0, *map(len, splits)])
        # The first rows would not do: a split's repeats, where they are kept, are its last rows.
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
        """Give the labels of all rows: ndarray of uint8, shape (len(self),)."""
        return np.concatenate([split.labels[rows] for split, rows in self._chosen])

    def pieces(self) -> Iterator[Rows]:
        """Yield all rows in order, a thousand at a time."""
        for split, rows in self._chosen:
            for start in range(0, len(rows), _PIECE):
                yield split[rows[start : start + _PIECE]]
