"""Plain pickles of floats: the course's ``notMNIST.pickle`` and the original repository's."""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from notmnist.exports.protocols import Rows, Splits
from notmnist.sources import LETTERS, SPLITS


def write_course(data: Splits, folder: Path) -> None:
    """Write ``notMNIST.pickle`` as the course's assignments load it.

    A dict of ``{train,valid,test}_dataset``, float32 of shape (N, 28, 28), (pixel - 127.5) / 255,
    and ``{train,valid,test}_labels``, int32.
    """
    grey = (np.arange(256) - 127.5) / 255
    content = {}
    for name in SPLITS:
        split = getattr(data, name)
        content[f"{name}_dataset"] = _Floats(split, grey.astype(np.float32))
        content[f"{name}_labels"] = np.array(split.labels, np.int32)
    _dump(content, folder / "notMNIST.pickle")


def write_seed(data: Splits, folder: Path) -> None:
    """Write ``data.pickle`` as the original repository's notebooks load it.

    A dict of ``train_X``, ``test_X``, float64 of shape (N, 28, 28), (pixel - 128) / 128,
    ``train_y``, ``test_y``, int64, and ``labels_dict``, the letter of every label.
    """
    grey = (np.arange(256) - 128) / 128
    content = {
        "train_X": _Floats(data.train, grey),
        "train_y": np.array(data.train.labels, np.int64),
        "test_X": _Floats(data.test, grey),
        "test_y": np.array(data.test.labels, np.int64),
        "labels_dict": dict(enumerate(LETTERS)),
    }
    _dump(content, folder / "data.pickle")


class _Floats:
    """Stand for the array of a split's images as floats, which may be larger than the memory."""

    def __init__(self, split: Rows, grey: np.ndarray) -> None:
        self.split = split
        self.grey = grey


class _Bytes(_Floats):
    """Stand for that array's bytes."""


class _Pickler(pickle._Pickler):
    """Write `_Floats` piece by piece, in the very bytes of the array that they stand for.

    Python's pickler, since the one in C can't be taught to; joblib builds upon it, too.
    """

    def _save_floats(self, floats: _Floats) -> None:
        empty = np.empty(0, floats.grey.dtype)
        rebuild, arguments, (version, _, dtype, fortran, _) = empty.__reduce__()
        content = _Bytes(floats.split, floats.grey)
        state = (version, floats.split.images.shape, dtype, fortran, content)
        self.save_reduce(rebuild, arguments, state)

    def _save_bytes(self, content: _Bytes) -> None:
        size = content.split.images.size * content.grey.itemsize
        self.write(pickle.BINBYTES8 + struct.pack("<Q", size))
        for piece in content.split.pieces():
            self.write(content.grey[piece.images].data)

    dispatch: dict[type, Callable[..., None]] = pickle._Pickler.dispatch | {
        _Floats: _save_floats,
        _Bytes: _save_bytes,
    }


def _dump(content: dict[str, Any], path: Path) -> None:
    with open(path, "wb") as file:
        # Later protocols cut the file into frames, each held in memory.
        _Pickler(file, protocol=3).dump(content)
