"""Write the arrays of a prepared dataset into one file, and map them into memory.

The file is an uncompressed joblib pickle, which any user can open with
``joblib.load(path, mmap_mode="r")``. The package itself does not parse it: the card states the
dtype, shape and offset of each array, from which the arrays are mapped.
"""

import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.schemas import fits, is_count
from notmnist.sources import IMAGE_SIZE, LETTERS

_PLACE = {"dtype": str, "shape": [is_count], "offset": is_count}
_DTYPES = {
    "images": r"\|u1",
    "labels": r"\|u1",
    "font_index": r"[<>]i4",
    "font_names": r"[<>]U[1-9]\d{0,4}",
    "font_families": r"[<>]U[1-9]\d{0,4}",
}


def write(
    arrays: Mapping[str, np.ndarray], images: Iterable[np.ndarray], path: Path
) -> dict[str, dict[str, Any]]:
    """Write arrays as one uncompressed joblib pickle, and return where they lie in it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The five arrays of a prepared dataset. A broadcast zero stands for ``images``.
    images : iterable of ndarray of uint8, shapes (n, 28, 28)
        The images in batches, so that they need not all be in memory.
    path : Path
        The file, which is overwritten if it exists; the caller renames it afterwards.

    Returns
    -------
    dict of str to dict
        The ``dtype``, ``shape`` and ``offset`` in bytes of every array, for the card.
    """
    import joblib  # takes 0.15 s, and loading does not need it

    with open(path, "wb") as file:
        joblib.dump(dict(arrays), file)
        file.flush()
        places = {
            name: {"dtype": array.dtype.str, "shape": list(array.shape), "offset": array.offset}
            for name, array in joblib.load(path, mmap_mode="r").items()
        }
        file.seek(places["images"]["offset"])
        for batch in images:
            file.write(batch.data)
        file.flush()
        os.fsync(file.fileno())
    return places


def is_sound(places: Any, rows: int, fonts: int, file_bytes: int) -> bool:
    """Tell whether arrays can be mapped from the places that a card states.

    Parameters
    ----------
    places : object
        The result of `write`, if nobody has altered it.
    rows, fonts : int
        The numbers of images and fonts.
    file_bytes : int
        The size of the file.

    Returns
    -------
    bool
        Whether the dtypes and shapes are those of a prepared dataset, and the arrays lie within the
        file without overlap.
    """
    if not fits(places, dict.fromkeys(_DTYPES, _PLACE)) or len(places) != len(_DTYPES):
        return False
    shapes = {
        "images": [rows, IMAGE_SIZE, IMAGE_SIZE],
        "labels": [rows],
        "font_index": [rows],
        "font_names": [fonts],
        "font_families": [fonts],
    }
    end = 0
    for name, place in sorted(places.items(), key=lambda item: item[1]["offset"]):
        if not re.fullmatch(_DTYPES[name], place["dtype"]) or place["shape"] != shapes[name]:
            return False
        if place["offset"] < end:
            return False
        end = place["offset"] + np.dtype(place["dtype"]).itemsize * math.prod(place["shape"])
    return end <= file_bytes


def read(path: Path, places: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Map a prepared dataset's arrays into memory, read-only.

    Parameters
    ----------
    path : Path
        The prepared file, whose size agrees with its card.
    places : mapping of str to mapping
        Where the arrays lie, as checked by `is_sound`.

    Returns
    -------
    dict of str to memmap
        The arrays by name.

    Raises
    ------
    NotMNISTError
        When the file can't be mapped, or the card states places where other things lie.
    """
    try:
        arrays: dict[str, np.ndarray] = {
            name: np.memmap(path, place["dtype"], "r", place["offset"], tuple(place["shape"]))
            for name, place in places.items()
        }
    except (OSError, ValueError) as error:
        raise NotMNISTError(
            f"cannot map {path} into memory ({error}): prepare the dataset again, on a local disk "
            "if this file system can't map files (--home, NOTMNIST_HOME)"
        ) from error
    if not _are_in_place(arrays):
        raise NotMNISTError(
            f"the letters and fonts of {path} are not where its card says: delete the card beside "
            "it, and prepare the dataset again"
        )
    return arrays


def _are_in_place(arrays: Mapping[str, np.ndarray]) -> bool:
    """Tell whether arrays hold letters, numbers of fonts, and text."""
    index, names = arrays["font_index"], ("font_names", "font_families")
    points = [arrays[name].view(f"{arrays[name].dtype.byteorder}u4") for name in names]
    return bool(
        arrays["labels"].max(initial=0) < len(LETTERS)
        and 0 <= index.min(initial=0) <= index.max(initial=0) < max(1, len(arrays["font_names"]))
        and max(some.max(initial=0) for some in points) <= sys.maxunicode
    )
