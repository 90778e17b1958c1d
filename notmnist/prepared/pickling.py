"""Read pickles from other people's programs without running the code in them.

A pickle is a program for a small stack machine, and its opcodes can call any Python function. The
machine in this module implements only the opcodes that build plain values and containers. It can
call only the functions at the end of this module, which replace those of NumPy and joblib.
"""

import math
import os
import pickletools
import re
import sys
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, BinaryIO

import numpy as np

from notmnist.errors import NotMNISTError

_PLAIN_DTYPE = re.compile(r"[biufSU][1-9]\d*")
_PLAIN = (type(None), bool, int, float, str, bytes, bytearray, np.ndarray)
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING",
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict,
}  # fmt: skip


def read_pickle(path: str | os.PathLike) -> Any:
    """Read a pickle of arrays without running any code in it.

    Use it to look at the course's ``notMNIST.pickle``, the original repository's pickles, or a
    prepared file that somebody sent you. `pickle.load` and `joblib.load` would run any code that
    such a file contains.

    Parameters
    ----------
    path : path
        A file written by `pickle` in Python 2 or 3 with protocol 2 or later, or by `joblib` without
        compression. It may contain arrays of numbers or text, and plain values, in lists, tuples
        and dicts whose keys are text or labels.

    Returns
    -------
    object
        The unpickled value, in memory. A ``str`` of Python 2 becomes text.

    Raises
    ------
    NotMNISTError
        When the file can't be read, is damaged, or contains anything else.
    """
    try:
        with open(path, "rb") as file:
            return _Machine(file).run()
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror or error}): give the path of a readable pickle"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NotMNISTError(
            f"{path} is damaged or contains more than plain arrays ({reason:.200}): download or "
            "create it again"
        ) from error


class _Unfinished:
    """Represent a dtype or an array whose state has not been read yet."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish
        self.finished: Any = self


class _Machine:
    """Run a pickle's opcodes on a stack of plain values."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.file_bytes = os.fstat(file.fileno()).st_size
        # A byte is copied at most twice: from text to bytes, and from bytes to an array.
        self.bytes_left = 2 * self.file_bytes
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stack before each open mark
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for opcode, argument, _ in pickletools.genops(self.file):
            if opcode.name not in ("PROTO", "FRAME", "STOP"):
                self.step(opcode.name, argument)
        (value,) = self.stack
        _check_plain(value)
        return value

    def step(self, opcode: str, argument: Any) -> None:
        pop = self.stack.pop
        match opcode:
            case "MARK":
                self.below.append(self.stack)
                self.stack = []
            case "TUPLE":
                self.push(tuple(self.pop_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.push(tuple(reversed([pop() for _ in range(int(opcode[-1]))])))
            case "APPEND" | "APPENDS":
                items = [pop()] if opcode == "APPEND" else self.pop_mark()
                _only(list, self.stack[-1]).extend(items)
            case "SETITEM" | "SETITEMS":
                self.set_items([pop(-2), pop()] if opcode == "SETITEM" else self.pop_mark())
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if opcode == "MEMOIZE" else argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                value = self.memo[argument]
                self.push(value.finished if isinstance(value, _Unfinished) else value)
            case "GLOBAL" | "STACK_GLOBAL":
                names = argument.split(" ") if opcode == "GLOBAL" else [pop(-2), pop()]
                self.push(self.find(*names))
            case "REDUCE" | "NEWOBJ":
                function, arguments = pop(-2), _only(tuple, pop())
                self.push_counted(function(*arguments))
            case "BUILD":
                unfinished, state = _only(_Unfinished, pop(-2)), pop()
                unfinished.finished = unfinished.finish(state)
                self.push_counted(unfinished.finished)
            case _ if opcode in _CONSTANTS:
                self.push(_CONSTANTS[opcode]())
            case _ if opcode in _LITERALS:
                self.push(argument)
            case _:
                raise UnpicklingError(f"it contains the opcode {opcode}")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_counted(self, value: Any) -> None:
        # Otherwise, a few bytes could request copies of a large array again and again.
        if isinstance(value, bytes | np.ndarray):
            self.bytes_left -= len(value) if isinstance(value, bytes) else value.nbytes
        if self.bytes_left < 0:
            raise UnpicklingError("its arrays are larger than the file")
        self.push(value)

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def set_items(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        # Hashing nested tuples could take for ever, and large numbers could be chosen to collide.
        if not all(type(k) is str or (type(k) is int and 0 <= k < 256) for k in keys):
            raise UnpicklingError("a dict has keys other than text and labels")
        _only(dict, self.stack[-1]).update(zip(keys, values, strict=True))

    def find(self, module: Any, name: Any) -> Any:
        asked = f"{_only(str, module)}.{_only(str, name)}"
        if asked == "joblib.numpy_pickle.NumpyArrayWrapper":
            return lambda: _Unfinished(self.read_joblib_array)
        if asked not in _STAND_INS:
            raise UnpicklingError(f"it refers to {asked!r:.160}")
        return _STAND_INS[asked]

    def read_joblib_array(self, state: Any) -> np.ndarray:
        """Read the data that joblib puts between an array's description and the next opcode."""
        if _only(dict, state)["subclass"] is not _NDARRAY:
            raise UnpicklingError("an array does not have NumPy's own class")
        size = _size(state["dtype"], state["shape"])
        if size > self.file_bytes:
            raise UnpicklingError("an array is larger than the file")
        if state.get("numpy_array_alignment_bytes") is not None:
            (padding,) = self.file.read(1)
            self.file.read(padding)
        return _array(self.file.read(size), state["dtype"], state["shape"], state["order"])


def _only(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        expected = kind.__name__.strip("_")
        raise UnpicklingError(f"it uses a {type(value).__name__} where a {expected} belongs")
    return value


def _check_plain(value: Any) -> None:
    """Refuse a value that contains anything but plain values and containers."""
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        if type(item) in (list, tuple, dict):
            if id(item) not in seen:
                seen.add(id(item))
                waiting.extend(item.values() if type(item) is dict else item)
        elif type(item) not in _PLAIN:
            raise UnpicklingError("it contains something other than arrays")


def _dtype(code: Any, *_: Any) -> _Unfinished:
    if not _PLAIN_DTYPE.fullmatch(_only(str, code)):
        raise UnpicklingError(f"an array has the dtype {code!r:.80}, not one of numbers or text")
    return _Unfinished(lambda state: np.dtype(code).newbyteorder(_only(str, state[1])))


def _reconstruct(kind: Any, *_: Any) -> _Unfinished:
    if kind is not _NDARRAY:
        raise UnpicklingError("an array does not have NumPy's own class")

    def finish(state: Any) -> np.ndarray:
        version, shape, dtype, fortran, data = state
        if version != 1 or fortran not in (0, 1):
            raise UnpicklingError("an array's description is malformed")
        return _array(data, dtype, shape, "F" if fortran else "C")

    return _Unfinished(finish)


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(data, str | bytes | bytearray) or order not in ("C", "F"):
        raise UnpicklingError("an array's description is malformed")
    # In Python 2, bytes and text have the same type.
    content = bytearray(data, "latin1") if isinstance(data, str) else bytearray(data)
    if len(content) != _size(dtype, shape):
        raise UnpicklingError("the size of an array does not match its data")
    return np.ndarray(shape, dtype, content, order=order)


def _size(dtype: Any, shape: Any) -> int:
    """Check that an array's dtype and shape are plain, and return its size in bytes."""
    sound = isinstance(dtype, np.dtype) and type(shape) is tuple and len(shape) <= 64
    # The product of larger numbers could fill memory.
    if not sound or not all(type(n) is int and 0 <= n <= sys.maxsize for n in shape):
        raise UnpicklingError("an array's description is malformed")
    return math.prod(shape) * dtype.itemsize


def _encode(text: Any, codec: Any) -> bytes:
    if codec != "latin1":
        raise UnpicklingError("it needs a codec other than latin1")
    return _only(str, text).encode("latin1")


# These are the only functions that a pickle can call. NumPy's own array and dtype accept states
# that present raw memory as objects, so no function of NumPy is called with values from a pickle.
_NDARRAY = object()
_STAND_INS: dict[str, Any] = {
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _array,
    "numpy._core.numeric._frombuffer": _array,
    # Protocols that lack bytes write them as calls.
    "_codecs.encode": _encode,
    "__builtin__.bytes": lambda: b"",
}
