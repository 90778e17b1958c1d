"""A split as PyTorch's map-style dataset; the one module that imports PyTorch."""

import numpy as np
import torch

from notmnist.exports.protocols import Rows


class TorchDataset(torch.utils.data.Dataset):
    """Read images and labels of a split when they are asked for; see `Split.as_torch`."""

    def __init__(self, split: Rows) -> None:
        self.split = split

    def __len__(self) -> int:
        """Count the images."""
        return len(self.split)

    def __getitem__(self, rows: int | slice | list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the image and the label of a row, or the images and the labels of many."""
        # Copies: the mapped file can't be written, and a tensor that can't is a crash to come.
        images = torch.from_numpy(np.array(self.split.images[rows]))
        labels = torch.from_numpy(np.array(self.split.labels[rows], np.int64))
        return images.unsqueeze(-3), labels

    def __getitems__(self, rows: list[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Give a batch, which `torch.utils.data.DataLoader` asks for at once where it can."""
        return list(zip(*self[rows], strict=True))
