"""Provide a split as a map-style dataset of PyTorch; no other module imports PyTorch."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch.utils.data import default_collate

from notmnist.exports.rows import Rows
from notmnist.sources import LETTERS

Item = tuple[Any, Any]


class TorchDataset(torch.utils.data.Dataset[Item]):
    """Read images and labels of a split on demand; see `Split.as_torch`."""

    classes: ClassVar[list[str]] = list(LETTERS)
    class_to_idx: ClassVar[dict[str, int]] = {letter: i for i, letter in enumerate(LETTERS)}

    def __init__(
        self,
        split: Rows,
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[int], Any] | None,
    ) -> None:
        self.split = split
        self.transform = transform
        self.target_transform = target_transform
        self.targets = torch.from_numpy(split.labels.astype(np.int64))

    @cached_property
    def data(self) -> torch.Tensor:
        """Return all images: uint8 of shape (N, 28, 28), copied into memory on first use."""
        return torch.from_numpy(np.array(self.split.images))

    def __len__(self) -> int:
        """Count the images."""
        return len(self.targets)

    def __getitem__(self, rows: Any) -> Item:
        """Return the image and label of one row, or the images and labels of many rows."""
        if isinstance(rows, slice):
            rows = range(len(self))[rows]
        if np.ndim(rows) == 0:
            return self._item(int(rows))
        if self._transforms():
            images, labels = default_collate([self._item(row) for row in rows])
            return images, labels
        return self._images(rows).unsqueeze(1), self.targets[rows]

    def __getitems__(self, rows: list[int]) -> list[Item]:
        """Return a batch as a list of items, for `torch.utils.data.DataLoader`."""
        if self._transforms():
            return [self._item(row) for row in rows]
        images, labels = self[rows]
        return list(zip(images, labels.tolist(), strict=True))

    def _item(self, row: int) -> Item:
        image, label = self._images(row), int(self.targets[row])
        return (
            image[None] if self.transform is None else self.transform(_as_pil(image)),
            label if self.target_transform is None else self.target_transform(label),
        )

    def _transforms(self) -> bool:
        return self.transform is not None or self.target_transform is not None

    def _images(self, rows: int | Sequence[int]) -> torch.Tensor:
        # Once it has been used or assigned, `data` may differ from the split.
        if "data" in vars(self):
            return self.data[rows].clone()
        # A copy, because writing to a tensor of the read-only mapped file would crash.
        return torch.from_numpy(np.array(self.split.images[rows]))


def _as_pil(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.numpy())
