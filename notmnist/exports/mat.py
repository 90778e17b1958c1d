"""Write MATLAB files of version 5, like the author's: one of all images, and one per split.

SciPy's writer needs the whole array in memory and gives every array at least two dimensions.
Therefore, this module writes the format itself, following MathWorks' "MAT-File Format".
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.exports.rows import Rows, Selection
from notmnist.sources import IMAGE_SIZE

# The largest variable that MATLAB reads.
_MAX_BYTES = 2**31 - 1
_HEADER = b"MATLAB 5.0 MAT-file, written by notmnist".ljust(124) + b"\x00\x01IM"
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_SINGLE, _DOUBLE = np.dtype("<f4"), np.dtype("<f8")
# The codes of an array's class and of its data.
_CODES = {_SINGLE: (7, 7), _DOUBLE: (6, 9)}


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write all images as ``<name>.mat`` and each split as ``{train,valid,test}.mat``.

    For ``notmnist-small``, the file of all images is called ``notMNIST_small.mat``, like the
    author's, and likewise for other datasets. It holds the rows of train, valid and test in turn.

    Each file has ``images``, 28 x 28 x N, and ``labels`` of one dimension, which SciPy shows as
    (N,), MATLAB and Octave as N x 1. Like the author's, both are floats, from 0 to 255 and from 0
    to 9, because programs for that file divide ``images`` by 255 in place. Single precision is
    exact for grey levels, and unlike the author's double precision, it lets half a million images
    fit into the 2 GB of one variable.

    Raises
    ------
    NotMNISTError
        When there are more images than fit; nothing is written.
    """
    count = sum(len(rows) for rows in splits.values())
    most = _MAX_BYTES // (IMAGE_SIZE**2 * _SINGLE.itemsize)
    if count > most:
        raise NotMNISTError(
            f"{name} has {count:,} images, more than the {most:,} that fit into one variable of a "
            ".mat file (2 GB): export fewer (counts), or choose another format"
        )
    whole = name.replace("notmnist", "notMNIST").replace("-", "_")
    _write_file(folder / f"{whole}.mat", [*splits.values()])
    for split, rows in splits.items():
        _write_file(folder / f"{split}.mat", [rows])


def _write_file(path: Path, parts: list[Selection]) -> None:
    count = sum(len(rows) for rows in parts)
    labels = np.concatenate([rows.labels for rows in parts]).astype(_DOUBLE)
    images = (_columns_first(piece) for rows in parts for piece in rows.pieces())
    with open(path, "xb") as file:
        file.write(_HEADER)
        _write_variable(file, b"images", (IMAGE_SIZE, IMAGE_SIZE, count), _SINGLE, images)
        _write_variable(file, b"labels", (count,), _DOUBLE, [labels])


def _columns_first(piece: Rows) -> np.ndarray:
    return piece.images.transpose(0, 2, 1).astype(_SINGLE, order="C")


def _write_variable(
    file: BinaryIO,
    name: bytes,
    shape: tuple[int, ...],
    dtype: np.dtype,
    pieces: Iterable[np.ndarray],
) -> None:
    """Write an array, compressed; `pieces` hold its numbers, with the first index fastest."""
    code_of_class, code_of_data = _CODES[dtype]
    size = np.prod(shape, dtype=int) * dtype.itemsize
    padding = bytes(-size % 8)
    head = (
        _element(_UINT32, struct.pack("<2I", code_of_class, 0))
        + _element(_INT32, struct.pack(f"<{len(shape)}i", *shape))
        + _element(_INT8, name)
        + struct.pack("<2I", code_of_data, size)
    )
    start = file.tell()
    file.write(bytes(8))  # until the compressed size is known
    stream = zlib.compressobj(level=4)  # the default takes four times as long and saves 4%
    file.write(stream.compress(struct.pack("<2I", _MATRIX, len(head) + size + len(padding)) + head))
    for piece in pieces:
        file.write(stream.compress(piece.data))
    file.write(stream.compress(padding) + stream.flush())
    end = file.tell()
    file.seek(start)
    file.write(struct.pack("<2I", _COMPRESSED, end - start - 8))
    file.seek(end)


def _element(code: int, content: bytes) -> bytes:
    if len(content) <= 4:  # the format's short form
        return struct.pack("<2H", code, len(content)) + content.ljust(4, b"\x00")
    return struct.pack("<2I", code, len(content)) + content + bytes(-len(content) % 8)
