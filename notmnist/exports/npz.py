"""Write ``.npz``, compressed: the arrays of ``keras.datasets.mnist``, or all images in one."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from notmnist.exports.rows import Selection
from notmnist.sources import IMAGE_SIZE


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write ``<name>.npz``: x_train, y_train, x_test, y_test, all uint8."""
    with zipfile.ZipFile(folder / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for split, rows in splits.items():
            _add_images(archive, f"x_{split}", rows)
            _add(archive, f"y_{split}", rows.labels)


def write_whole(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
    """Write ``notMNIST.npz`` as course programs open it: ``images``, uint8, and ``labels``, int64.

    These programs compute with the labels: ``-labels`` of uint8 would be other numbers.
    """
    with zipfile.ZipFile(folder / "notMNIST.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        _add_images(archive, "images", splits["whole"])
        _add(archive, "labels", splits["whole"].labels.astype(np.int64))


def _add_images(archive: zipfile.ZipFile, name: str, rows: Selection) -> None:
    """Add an array of images as `numpy.savez_compressed` would, without having it in memory."""
    shape = (len(rows), IMAGE_SIZE, IMAGE_SIZE)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in rows.pieces():
            file.write(piece.images.data)


def _add(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
