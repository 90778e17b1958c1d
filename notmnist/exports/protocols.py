"""What exports and views take: anything with images and labels, such as `notmnist.Split`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Rows(Protocol):
    """Have images and labels, row by row, as `notmnist.Split` has them."""

    images: np.ndarray
    labels: np.ndarray
    font_index: np.ndarray
    font_names: np.ndarray
    font_families: np.ndarray

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


@dataclass(frozen=True)
class Sample:
    """Hold a part of a dataset's rows; a `Splits`."""

    name: str
    train: Rows
    valid: Rows
    test: Rows
