"""Read the pickles that other people's programs left, without running what they contain.

A pickle is a program for a small machine, whose opcodes may call any function of Python. The
machine here knows the opcodes that make plain values and containers, and can call nothing but the
functions at the end of this module, which stand for those of NumPy and joblib.
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
    """Read a pickle of arrays without running anything that it contains.

    So the course's ``notMNIST.pickle``, the original repository's and a prepared file that somebody
    sent can be looked at, whoever made them; `pickle.load` and `joblib.load` would run any code in
    them.

    Parameters
    ----------
    path : path
        A file that `pickle` wrote, in Python 2 or 3, at protocol 2 or later, or that `joblib` wrote
        without compression. It may hold arrays of numbers and text, and plain values, in lists,
        tuples and dicts whose keys are text or labels.

    Returns
    -------
    object
        What was pickled, in memory; text where Python 2 pickled a ``str``.

    Raises
    ------
    NotMNISTError
        When the file can't be read, is damaged, or asks for anything else.
    """
    try:
        with open(path, "rb") as file:
            return _Machine(file).run()
    except OSError as error:
        raise NotMNISTError(
            f"cannot read {path} ({error.strerror or error}): give a pickle that is there"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise NotMNISTError(
            f"{path} is damaged or holds more than plain arrays ({reason:.200}): fetch or make it "
            "again"
        ) from error


class _Unfinished:
    """Stand for a dtype or an array whose state is still to come."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self.finish = finish
        self.finished: Any = self


class _Machine:
    """Run a pickle's opcodes on a stack of plain values."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.file_bytes = os.fstat(file.fileno()).st_size
        # No byte is copied more often than from text to bytes and from bytes to an array.
        self.bytes_left = 2 * self.file_bytes
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # what lay on the stack before each open mark
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
                raise UnpicklingError(f"it holds the opcode {opcode}")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_counted(self, value: Any) -> None:
        # Else a few bytes could ask again and again for copies of many.
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
        # Tuples could be hashed for ever, and large numbers chosen to collide.
        if not all(type(k) is str or (type(k) is int and 0 <= k < 256) for k in keys):
            raise UnpicklingError("a dict has other keys than text and labels")
        _only(dict, self.stack[-1]).update(zip(keys, values, strict=True))

    def find(self, module: Any, name: Any) -> Any:
        asked = f"{_only(str, module)}.{_only(str, name)}"
        if asked == "joblib.numpy_pickle.NumpyArrayWrapper":
            return lambda: _Unfinished(self.read_joblib_array)
        if asked not in _STAND_INS:
            raise UnpicklingError(f"it asks for {asked!r:.160}")
        return _STAND_INS[asked]

    def read_joblib_array(self, state: Any) -> np.ndarray:
        """Read the data that joblib writes between an array's description and the next opcode."""
        if _only(dict, state)["subclass"] is not _NDARRAY:
            raise UnpicklingError("an array is of another class than numpy's")
        size = _size(state["dtype"], state["shape"])
        if size > self.file_bytes:
            raise UnpicklingError("an array is larger than the file")
        if state.get("numpy_array_alignment_bytes") is not None:
            (padding,) = self.file.read(1)
            self.file.read(padding)
        return _array(self.file.read(size), state["dtype"], state["shape"], state["order"])


def _only(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise UnpicklingError(f"it takes a {type(value).__name__} for a {kind.__name__.strip('_')}")
    return value


def _check_plain(value: Any) -> None:
    """Refuse a value in which something is neither plain nor a container."""
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        if type(item) in (list, tuple, dict):
            if id(item) not in seen:
                seen.add(id(item))
                waiting.extend(item.values() if type(item) is dict else item)
        elif type(item) not in _PLAIN:
            raise UnpicklingError("it holds something else than arrays")


def _dtype(code: Any, *_: Any) -> _Unfinished:
    if not _PLAIN_DTYPE.fullmatch(_only(str, code)):
        raise UnpicklingError(f"an array holds {code!r:.80}, such as Python objects")
    return _Unfinished(lambda state: np.dtype(code).newbyteorder(_only(str, state[1])))


def _reconstruct(kind: Any, *_: Any) -> _Unfinished:
    if kind is not _NDARRAY:
        raise UnpicklingError("an array is of another class than numpy's")

    def finish(state: Any) -> np.ndarray:
        version, shape, dtype, fortran, data = state
        if version != 1 or fortran not in (0, 1):
            raise UnpicklingError("an array's description is malformed")
        return _array(data, dtype, shape, "F" if fortran else "C")

    return _Unfinished(finish)


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(data, str | bytes | bytearray) or order not in ("C", "F"):
        raise UnpicklingError("an array's description is malformed")
    # Python 2 has one type for bytes and text.
    content = bytearray(data, "latin1") if isinstance(data, str) else bytearray(data)
    if len(content) != _size(dtype, shape):
        raise UnpicklingError("an array has another size than its data")
    return np.ndarray(shape, dtype, content, order=order)


def _size(dtype: Any, shape: Any) -> int:
    """Count the bytes of an array once its dtype and shape are known to be plain."""
    sound = isinstance(dtype, np.dtype) and type(shape) is tuple and len(shape) <= 64
    # The product of larger numbers could fill the memory.
    if not sound or not all(type(n) is int and 0 <= n <= sys.maxsize for n in shape):
        raise UnpicklingError("an array's description is malformed")
    return math.prod(shape) * dtype.itemsize


def _encode(text: Any, codec: Any) -> bytes:
    if codec != "latin1":
        raise UnpicklingError("it asks for another codec than latin1")
    return _only(str, text).encode("latin1")


# All that a pickle can call. Even NumPy's own array and dtype take states that pass raw memory off
# as objects, so that nothing of NumPy's is called with what a pickle holds.
_NDARRAY = object()
_STAND_INS: dict[str, Any] = {
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _array,
    "numpy._core.numeric._frombuffer": _array,
    # Protocols without bytes have them as calls.
    "_codecs.encode": _encode,
    "__builtin__.bytes": lambda: b"",
}
