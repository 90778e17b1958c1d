"""One compressed ``.npz``, with the names of ``keras.datasets.mnist``'s."""

from pathlib import Path

import numpy as np

from notmnist.exports.protocols import Splits


def write(data: Splits, folder: Path) -> None:
    """Write ``<name>.npz``: x_train, y_train, x_test, y_test, all uint8."""
    np.savez_compressed(
        folder / f"{data.name}.npz",
        x_train=data.train.images,
        y_train=data.train.labels,
        x_test=data.test.images,
        y_test=data.test.labels,
    )
