"""The prepared dataset on disk: one uncompressed joblib pickle, and a reader that runs no code.

Any user can open the file with ``joblib.load(path, mmap_mode="r")``. The package itself reads every
pickle with `read`, which knows arrays and plain containers and nothing else. It reads the older
layouts too: dicts of arrays that Python 2 or 3 pickled without joblib.
"""

import math
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import joblib
import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

from notmnist.errors import NotMNISTError

_PLAIN_DTYPE = re.compile(r"[biufSU][1-9]\d*")
_MAX_DIMENSIONS = 64  # numpy's own limit
_NDARRAY = object()
_PLAIN = (type(None), bool, int, float, str, bytes, np.ndarray, np.memmap)


class _Unfinished:
    """A dtype or an array whose state is still to come."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish
        self.finished: Any = self


class _Memo(dict):
    """Recall what an object became: a pickle notes it before its state comes."""

    def __getitem__(self, number: int) -> Any:
        value = super().__getitem__(number)
        return value.finished if isinstance(value, _Unfinished) else value

    def __setitem__(self, number: int, value: Any) -> None:
        # Numbers that leave gaps can be chosen so that each is compared with all others.
        if number > len(self) + 1:
            raise pickle.UnpicklingError("its memo has gaps")
        super().__setitem__(number, value)


def _dtype(code: str, *_: bool) -> _Unfinished:
    if not _PLAIN_DTYPE.fullmatch(code):
        raise pickle.UnpicklingError(f"an array holds {code!r:.80}, such as Python objects")
    return _Unfinished(lambda state: np.dtype(code).newbyteorder(state[1]))


def _reconstruct(kind: object, *_: Any) -> _Unfinished:
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array is of another class than numpy's")
    return _Unfinished(_array_of_state)


def _array_of_state(state: tuple) -> np.ndarray:
    version, shape, dtype, fortran, data = state
    if version != 1 or fortran not in (0, 1):
        raise pickle.UnpicklingError("an array's description is malformed")
    return _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: str | bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    if not isinstance(data, str | bytes) or order not in ("C", "F"):
        raise pickle.UnpicklingError("an array's description is malformed")
    # Python 2 has one type for bytes and text.
    content = bytearray(data, "latin1") if isinstance(data, str) else bytearray(data)
    if len(content) != _size(dtype, shape):
        raise pickle.UnpicklingError("an array has another size than its data")
    return np.ndarray(shape, dtype, content, order=order)


def _encode(text: str, codec: str) -> bytes:
    if codec != "latin1":
        raise pickle.UnpicklingError("it asks for another codec than latin1")
    return text.encode(codec)


# All that a pickle can call: even numpy's own array and dtype take states that pass raw memory off
# as objects.
_ALLOWED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("numpy._core.numeric", "_frombuffer"): _array,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): NumpyArrayWrapper,
    # Protocols without bytes have them as calls.
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",
}


class _RestrictedUnpickler(NumpyUnpickler):
    """Read arrays of numbers and text in plain containers, and refuse everything else."""

    dispatch = NumpyUnpickler.dispatch.copy()
    # A few bytes can make a set that is hashed for ever; the others call what REDUCE calls too.
    for opcode in (pickle.EMPTY_SET, pickle.FROZENSET, pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX):
        del dispatch[opcode[0]]
    # Python's own fills the memory with as many zeros as are asked for.
    dispatch[pickle.BYTEARRAY8[0]] = dispatch[pickle.BINBYTES8[0]]

    def __init__(self, path: str, file: BinaryIO, mmap_mode: str | None) -> None:
        super().__init__(path, file, mmap_mode is None, mmap_mode)
        self.encoding = "latin1"
        self.memo = _Memo()
        self.file_bytes = os.fstat(file.fileno()).st_size
        # No byte is copied more often than from text to bytes and from bytes to an array.
        self.left = 2 * self.file_bytes

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {f'{module}.{name}'!r:.200}") from None

    def load_reduce(self) -> None:
        super().load_reduce()
        self._count_copy()

    def _count_copy(self) -> None:
        # Else a few bytes more could ask again and again for copies of many.
        if isinstance(self.stack[-1], bytes | np.ndarray):
            self.left -= memoryview(self.stack[-1]).nbytes
        if self.left < 0:
            raise pickle.UnpicklingError("its arrays are larger than the file")

    def load_build(self) -> None:
        # On top of the stack lies a state: it is judged before it is set, and before joblib reads
        # the data behind it.
        target, state = self.stack[-2:]
        if isinstance(target, _Unfinished):
            target.finished = target.finish(state)
            self.stack[-2:] = [target.finished]
            self._count_copy()
        elif isinstance(target, NumpyArrayWrapper):
            self.stack[-1] = _checked(state, self.file_bytes)
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
        keys, values = items[::2], items[1::2]
        if type(self.stack[-1]) is not dict or not all(map(_is_key, keys)):
            raise pickle.UnpicklingError("a dict has other keys than text and labels")
        self.stack[-1].update(zip(keys, values, strict=True))

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict


def write(
    arrays: Mapping[str, np.ndarray],
    path: Path,
    batches: Mapping[str, Iterable[np.ndarray]] = MappingProxyType({}),
) -> None:
    """Write arrays as one uncompressed joblib pickle and flush it to disk.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        No array may hold objects.
    path : Path
        Overwritten when it exists; the caller writes beside the final name and renames.
    batches : mapping of str to iterable of ndarray
        Rows that take the place of an array's, batch by batch: so the whole of it need not be in
        memory, where a broadcast zero stands for it.
    """
    with open(path, "wb") as file:
        joblib.dump(dict(arrays), file)
        file.flush()
        for name, rows in batches.items():
            file.seek(read(path, mmap_mode="r")[name].offset)
            for batch in rows:
                file.write(batch)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, mmap_mode: str | None = None) -> Any:
    """Read a pickle of arrays and plain containers without running anything it contains.

    Parameters
    ----------
    path : Path
        A file written by `write`, or by joblib or pickle, at any protocol and in Python 2 too,
        from arrays of numbers and text in lists, tuples and dicts.
    mmap_mode : str or None
        As for `numpy.memmap`; None reads into memory.

    Returns
    -------
    object
        What was pickled; text where Python 2 pickled a ``str``.

    Raises
    ------
    NotMNISTError
        When the file can't be read, is damaged, or asks for anything but arrays.
    """
    try:
        with open(path, "rb") as file:
            value = _RestrictedUnpickler(os.fspath(path), file, mmap_mode).load()
        _check_plain(value)
        return value
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror or error}): prepare the dataset again"
        ) from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise NotMNISTError(
            f"{path} is damaged or is no pickle of plain arrays ({reason}): prepare the dataset "
            "again"
        ) from error


def _is_key(key: Any) -> bool:
    # Tuples could be hashed for ever, and large numbers chosen to collide.
    return type(key) is str or (type(key) is int and 0 <= key < 256)


def _check_plain(value: Any) -> None:
    """Refuse a value in which something is neither plain nor a container."""
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        if type(item) in (list, tuple, dict) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if type(item) is dict else item)
        elif type(item) not in (*_PLAIN, list, tuple, dict):
            raise pickle.UnpicklingError("it holds something else than arrays")


def _checked(state: Any, file_bytes: int) -> dict[str, Any]:
    """Return the state of joblib's array wrapper once it is known to describe a plain array."""
    known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
    if not isinstance(state, dict) or not set(state) <= known or state["order"] not in ("C", "F"):
        raise pickle.UnpicklingError("an array's description is malformed")
    if state.get("subclass") is not _NDARRAY:
        raise pickle.UnpicklingError("an array is of another class than numpy's")
    if _size(state.get("dtype"), state.get("shape")) > file_bytes:
        raise pickle.UnpicklingError("an array is larger than the file")
    return state | {"subclass": np.ndarray}


def _size(dtype: Any, shape: Any) -> int:
    """Count the bytes of an array once its dtype and shape are known to be plain."""
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("an array's description is malformed")
    # Their product would otherwise be a number that fills the memory.
    small = len(shape) <= _MAX_DIMENSIONS and all(type(n) is int for n in shape)
    if not small or not all(0 <= n <= sys.maxsize for n in shape):
        raise pickle.UnpicklingError("an array's shape is malformed")
    return math.prod(shape) * dtype.itemsize
