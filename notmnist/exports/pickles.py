"""Write pickles of floats: the course's ``notMNIST.pickle`` and the original repository's."""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np

from notmnist.exports.rows import Selection
from notmnist.sources import IMAGE_SIZE, LETTERS

_FILENAME = "notMNIST.pickle"


def write_course(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write ``notMNIST.pickle`` as the course's assignments load it.

    A dict of ``{train,valid,test}_dataset``, float32 of shape (N, 28, 28), (pixel - 127.5) / 255,
    and ``{train,valid,test}_labels``, int32 of shape (N,).
    """
    grey = ((np.arange(256) - 127.5) / 255).astype(np.float32)
    content: dict[str, Any] = {}
    for split, rows in splits.items():
        content[f"{split}_dataset"] = _Floats(rows, grey, (len(rows), IMAGE_SIZE, IMAGE_SIZE))
        content[f"{split}_labels"] = rows.labels.astype(np.int32)
    _dump(content, folder / _FILENAME)


def write_seed(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write ``notMNIST.pickle`` as the original repository's notebooks load it.

    A dict of ``train_X`` and ``test_X``, float64 of shape (N, 784), (pixel - 128) / 128,
    ``train_y`` and ``test_y``, int64 of shape (N,), and ``labels_dict``, from letter to label.
    """
    grey = (np.arange(256) - 128) / 128
    content: dict[str, Any] = {}
    for split, rows in splits.items():
        content[f"{split}_X"] = _Floats(rows, grey, (len(rows), IMAGE_SIZE**2))
        content[f"{split}_y"] = rows.labels.astype(np.int64)
    content["labels_dict"] = {letter: label for label, letter in enumerate(LETTERS)}
    _dump(content, folder / _FILENAME)


class _Floats:
    """Represent the array of images as floats, which may not fit into memory.

    It is pickled like that array, but with a token in the place of the array's bytes.

    Parameters
    ----------
    rows : Selection
        The images.
    grey : ndarray, shape (256,)
        The float for every grey level.
    shape : tuple of int
        The shape of the array.
    """

    def __init__(self, rows: Selection, grey: np.ndarray, shape: tuple[int, ...]) -> None:
        self.rows = rows
        self.grey = grey
        self.shape = shape
        self.token = uuid4().bytes

    def __reduce__(self) -> tuple[Any, ...]:
        reduced: Any = np.empty(0, self.grey.dtype).__reduce__()
        rebuild, arguments, (version, _, dtype, is_fortran, _) = reduced
        return rebuild, arguments, (version, self.shape, dtype, is_fortran, self.token)

    def write(self, file: BinaryIO) -> None:
        """Write the bytes of the array, with the opcode that precedes them in a pickle."""
        size = np.prod(self.shape, dtype=int) * self.grey.itemsize
        file.write(pickle.BINBYTES8 + struct.pack("<Q", size))
        for piece in self.rows.pieces():
            file.write(self.grey[piece.images].data)


def _dump(content: dict[str, Any], path: Path) -> None:
    # Unlike later protocols, protocol 3 has no frames, whose lengths would have to fit, and stores
    # names as text. BINBYTES8, for arrays of more than 4 GB, belongs to protocol 4.
    outline = pickle.PROTO + b"\x04" + pickle.dumps(content, protocol=3)[2:]
    # NumPy 1 does not know NumPy 2's name of this module; both know the older name.
    outline = outline.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    with open(path, "wb") as file:
        for array in content.values():
            if isinstance(array, _Floats):
                token = pickle.SHORT_BINBYTES + bytes([len(array.token)]) + array.token
                before, outline = outline.split(token)
                file.write(before)
                array.write(file)
        file.write(outline)
