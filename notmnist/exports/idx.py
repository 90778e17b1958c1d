"""Write IDX, MNIST's own four files, plain and gzipped, for programs made for MNIST."""

import gzip
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from notmnist.exports.rows import Selection
from notmnist.sources import IMAGE_SIZE

_PREFIXES = {"train": "train", "test": "t10k"}
_UBYTE = 8


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write ``{train,t10k}-{images-idx3,labels-idx1}-ubyte``, each also with ``.gz``.

    Half of the programs that read these files want them plain, the other half gzipped.
    """
    for split, rows in splits.items():
        images, labels = (
            f"{_PREFIXES[split]}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")
        )
        shape = (len(rows), IMAGE_SIZE, IMAGE_SIZE)
        _write_array(shape, (piece.images for piece in rows.pieces()), folder / images)
        _write_array(shape[:1], [rows.labels], folder / labels)


def _write_array(shape: tuple[int, ...], pieces: Iterable[np.ndarray], path: Path) -> None:
    header = struct.pack(f">HBB{len(shape)}I", 0, _UBYTE, len(shape), *shape)
    # Without a name and a time in gzip's header, equal arrays give equal files.
    with (
        open(path, "wb") as plain,
        open(f"{path}.gz", "wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as gzipped,
    ):
        for stream in (plain, gzipped):
            stream.write(header)
        for piece in pieces:
            for stream in (plain, gzipped):
                stream.write(piece.data)
