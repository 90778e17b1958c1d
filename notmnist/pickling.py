"""The prepared dataset on disk: one uncompressed joblib pickle, and a reader that runs no code.

Any user can open the file with ``joblib.load(path, mmap_mode="r")``. The package itself reads every
pickle with `read`, which knows arrays and plain containers and nothing else.
"""

import math
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from notmnist.errors import NotMNISTError

_PLAIN_DTYPE = re.compile(r"[biufSU]\d+")
_NDARRAY = object()


def _dtype(code: str, *_: bool) -> np.dtype:
    if not _PLAIN_DTYPE.fullmatch(code):
        raise pickle.UnpicklingError(f"an array holds {code!r}, such as Python objects")
    return np.dtype(code)


# All that a pickle can call: even numpy's own array and dtype take states that pass raw memory off
# as objects.
_ALLOWED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): NumpyArrayWrapper,
}


class _RestrictedUnpickler(NumpyUnpickler):
    """Read arrays of numbers and text in plain containers, and refuse everything else."""

    dispatch = NumpyUnpickler.dispatch.copy()
    # A few bytes can make a set that is hashed for ever, or a bytearray that fills the memory.
    for opcode in (pickle.EMPTY_SET, pickle.FROZENSET, pickle.BYTEARRAY8):
        del dispatch[opcode[0]]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {f'{module}.{name}'!r}") from None

    def load_build(self) -> None:
        # On top of the stack lies a state: it is judged before it is set, and before joblib reads
        # the data behind it.
        target, state = self.stack[-2:]
        if isinstance(target, np.dtype):
            self.stack[-2:] = [target.newbyteorder(state[1])]
        elif isinstance(target, NumpyArrayWrapper):
            self.stack[-1] = _checked(state, os.fstat(self.file_handle.fileno()).st_size)
            super().load_build()
        else:
            raise pickle.UnpicklingError("it sets the state of something else than an array")

    def load_setitem(self) -> None:
        self._set_items([self.stack.pop(-2), self.stack.pop()])

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._set_items(items)

    def _set_items(self, items: list[Any]) -> None:
        # Other keys than text could be hashed for ever.
        keys, values = items[::2], items[1::2]
        if type(self.stack[-1]) is not dict or not all(type(key) is str for key in keys):
            raise pickle.UnpicklingError("a dict has other keys than text")
        self.stack[-1].update(zip(keys, values, strict=True))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict


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
        A file written by `write`, or by joblib from arrays of numbers and text in lists, tuples
        and dicts.
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
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror or error}): prepare the dataset again"
        ) from error
    except Exception as error:
        raise NotMNISTError(
            f"{path} is damaged or is no pickle of plain arrays ({error}): prepare the dataset "
            "again"
        ) from error


def _checked(state: Any, file_bytes: int) -> dict[str, Any]:
    """Return the state of joblib's array wrapper once it is known to describe a plain array."""
    known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
    if not isinstance(state, dict) or not set(state) <= known:
        raise pickle.UnpicklingError("an array's description is malformed")
    dtype, shape = state.get("dtype"), state.get("shape")
    if state.get("subclass") is not _NDARRAY or not isinstance(dtype, np.dtype):
        raise pickle.UnpicklingError("an array's description is malformed")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("an array's shape is malformed")
    if math.prod(shape) * dtype.itemsize > file_bytes:
        raise pickle.UnpicklingError("an array is larger than the file")
    return state | {"subclass": np.ndarray}
