"""The prepared dataset on disk: one uncompressed joblib pickle, and a reader that runs no code.

Any user can open the file with ``joblib.load(path, mmap_mode="r")``. The package itself reads every
pickle with `read`, which knows arrays and plain containers and nothing else.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from notmnist.errors import NotMNISTError

_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): NumpyArrayWrapper,
}


class _RestrictedUnpickler(NumpyUnpickler):
    """Refuse every name but numpy's array and dtype and joblib's array wrapper."""

    dispatch = NumpyUnpickler.dispatch.copy()

    def find_class(self, module: str, name: str) -> type:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def load_build(self) -> None:
        # The stack holds the object and, on top, its state: a wrapper must be judged by its state
        # before joblib reads the data behind it.
        if isinstance(self.stack[-2], NumpyArrayWrapper):
            _check_wrapper(self.stack[-1], os.fstat(self.file_handle.fileno()).st_size)
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def write(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write arrays as one uncompressed joblib pickle and flush it to disk.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        No array may hold objects.
    path : Path
        Overwritten when it exists; the caller writes beside the final name and renames.
    """
    with open(path, "wb") as file:
        joblib.dump(dict(arrays), file)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, mmap_mode: str | None = None) -> Any:
    """Read a pickle of arrays and plain containers without running anything it contains.

    Parameters
    ----------
    path : Path
        A file written by `write`, or by joblib or pickle from the same types.
    mmap_mode : str or None
        As for `numpy.memmap`; None reads into memory.

    Returns
    -------
    object
        What was pickled.

    Raises
    ------
    NotMNISTError
        When the file can't be read, is damaged, or asks for anything but arrays.
    """
    try:
        with open(path, "rb") as file:
            return _RestrictedUnpickler(os.fspath(path), file, mmap_mode is None, mmap_mode).load()
    except OSError as error:
        raise NotMNISTError(f"cannot read {path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise NotMNISTError(f"{path} needs more memory than there is") from error
    except Exception as error:
        raise NotMNISTError(
            f"{path} is damaged or is no pickle of plain arrays ({error}): delete it and prepare "
            "the dataset again"
        ) from error


def _check_wrapper(state: Any, file_bytes: int) -> None:
    known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
    if not isinstance(state, dict) or not set(state) <= known:
        raise pickle.UnpicklingError("an array's description is malformed")
    dtype, shape = state.get("dtype"), state.get("shape")
    if state.get("subclass") is not np.ndarray or not isinstance(dtype, np.dtype):
        raise pickle.UnpicklingError("an array's description is malformed")
    if dtype.hasobject:
        raise pickle.UnpicklingError("an array holds Python objects")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("an array's shape is malformed")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > file_bytes:
        raise pickle.UnpicklingError("an array is larger than the file")
