"""IDX, gzipped: MNIST's own four files, for programs made for MNIST."""

import gzip
import struct
from pathlib import Path

import numpy as np

from notmnist.exports.protocols import Splits

_PREFIXES = {"train": "train", "test": "t10k"}
_UBYTE = 8


def write(data: Splits, folder: Path) -> None:
    """Write training and test as ``{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz``."""
    for name, prefix in _PREFIXES.items():
        split = getattr(data, name)
        _write_array(split.images, folder / f"{prefix}-images-idx3-ubyte.gz")
        _write_array(split.labels, folder / f"{prefix}-labels-idx1-ubyte.gz")


def _write_array(array: np.ndarray, path: Path) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, _UBYTE, array.ndim, *array.shape)
    # Equal arrays give equal files: no name and no time in the header.
    with (
        open(path, "wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream,
    ):
        stream.write(header)
        stream.write(np.ascontiguousarray(array))
