"""MATLAB's version 5, as the author of notMNIST published it, a file a split."""

from pathlib import Path

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.exports.protocols import Splits
from notmnist.sources import SPLITS

# What MATLAB reads of one variable.
_MAX_BYTES = 2**31 - 1


def write(data: Splits, folder: Path) -> None:
    """Write ``{train,valid,test}.mat``: ``images``, 28 x 28 x N, and ``labels``, N x 1.

    Both are floats of 0 to 255 and of 0 to 9, as published: programs for that file divide
    ``images`` by 255 in place. Single precision holds grey levels exactly and, unlike the author's
    double, half a million images in the 2 GB of one variable.

    Raises
    ------
    NotMNISTError
        When a split is larger than that.
    """
    from scipy.io import savemat  # 0.2 s: `import notmnist` stays light

    for name in SPLITS:
        split = getattr(data, name)
        if split.images.size * np.dtype(np.float32).itemsize > _MAX_BYTES:
            raise NotMNISTError(
                f"{name} has {len(split):,} images, more than the 2 GB of a .mat file's variable: "
                "export fewer (counts), or another format"
            )
        images = split.images.transpose(1, 2, 0).astype(np.float32)
        labels = split.labels[:, None].astype(np.float64)
        savemat(folder / f"{name}.mat", {"images": images, "labels": labels}, do_compression=True)
