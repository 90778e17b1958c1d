"""Read predictions from a file or an array, and check each of them."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.sources import LETTERS

_NUMBER_OF = {letter: number for number, letter in enumerate(LETTERS)}
_SUM_TOLERANCE = 1e-3  # float16 has three digits


@dataclass(frozen=True, eq=False)
class Submission:
    """Hold predictions in the order in which they were handed in.

    Attributes
    ----------
    origin : str
        Its name in messages: a path, or "the predictions".
    letters : ndarray of uint8, shape (N,)
        A = 0 .. J = 9. With probabilities, the likeliest letter, or the first of those that are
        equally likely.
    probabilities : ndarray of float64, shape (N, 10), or None
        The probabilities of A to J.
    key : {"name", "row"} or None
        How a prediction identifies its image; None for predictions in the order of the images.
    keys : sequence of str
        The name or row of each prediction's image, as text; empty if `key` is None.
    """

    origin: str
    letters: np.ndarray
    probabilities: np.ndarray | None = None
    key: str | None = None
    keys: Sequence[str] = ()

    def place(self, number: int) -> str:
        """Name one of the predictions in a message, by its own name or row."""
        key = self.keys[number] if self.keys else str(number)
        return f"{self.origin}, {self.key or 'row'} {key:.80}"


def read(path: str | os.PathLike) -> Submission:
    """Read predictions from a file.

    Parameters
    ----------
    path : path
        A ``.csv`` file with a header: the column ``name`` or ``row``, and either the column
        ``letter`` or the ten columns ``A`` to ``J``, which hold probabilities. Or an ``.npz`` file
        of one array: ``letters``, shape (N,), or ``probabilities``, shape (N, 10).

    Returns
    -------
    Submission
        The predictions; that they cover every image once is not checked yet.

    Raises
    ------
    NotMNISTError
        When the file can't be read, or holds anything else.
    """
    readers = {".csv": _read_csv, ".npz": _read_npz}
    reader = readers.get(Path(path).suffix.lower())
    if reader is None:
        raise NotMNISTError(f"{path} is not a file of predictions: give a .csv or .npz file")
    return reader(str(path))


def of_array(predictions: np.ndarray) -> Submission:
    """Take predictions from an array in the order of the test images.

    Parameters
    ----------
    predictions : ndarray, shape (N,) or (N, 10)
        Letters (whole numbers with A = 0 .. J = 9, or text) or probabilities.

    Returns
    -------
    Submission

    Raises
    ------
    NotMNISTError
        When it holds anything else.
    """
    name = "letters" if predictions.ndim == 1 else "probabilities"
    return _of_arrays("the predictions", {name: predictions})


def _read_npz(path: str) -> Submission:
    try:
        # If np.load opens a damaged file itself, it leaves it open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: np.asarray(content[name]) for name in content.files}
    except OSError as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        # NumPy's own words advise to unpickle a stranger's file.
        raise _unreadable(path, ValueError("not an npz file of numbers or text")) from error
    return _of_arrays(path, arrays)


def _of_arrays(origin: str, arrays: dict[str, np.ndarray]) -> Submission:
    match arrays:
        case {"letters": letters} if len(arrays) == 1 and letters.ndim == 1:
            return _of_letters(origin, letters)
        case {"probabilities": given} if len(arrays) == 1 and given.shape[1:] == (len(LETTERS),):
            return _of_probabilities(origin, given)
    found = ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
    raise NotMNISTError(
        f"{origin}: found {found or 'no array'}; give letters of shape (N,) or probabilities of "
        "shape (N, 10)"
    )


def _read_csv(path: str) -> Submission:
    header, lines = _csv_table(path)
    keys = [name for name in header if name in ("name", "row")]
    values = [name for name in header if name not in keys]
    if len(keys) != 1 or sorted(values) not in (["letter"], list(LETTERS)):
        raise NotMNISTError(
            f"{path}: found the columns {', '.join(header)!r:.80}; give name or row, and letter or "
            "A to J"
        )
    columns = {name: [line[place] for line in lines] for place, name in enumerate(header)}
    keyed = {"key": keys[0], "keys": columns[keys[0]]}
    if values == ["letter"]:
        return _of_letters(path, columns["letter"], **keyed)
    try:
        probabilities = np.array([list(map(float, columns[letter])) for letter in LETTERS]).T
    except ValueError as error:
        raise NotMNISTError(f"{path}: {error!s:.200}; give probabilities as numbers") from error
    return _of_probabilities(path, probabilities, **keyed)


def _csv_table(path: str) -> tuple[list[str], list[list[str]]]:
    """Read the header and the lines that are not empty, which must have equal lengths."""
    lines = []
    try:
        # Spreadsheets begin a file with a byte order mark.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            header = next(reader, [])
            for line in filter(None, reader):
                if len(line) != len(header):
                    raise NotMNISTError(
                        f"{path}, line {reader.line_num}: found {len(line)} values for "
                        f"{len(header)} columns; give one for each"
                    )
                lines.append(line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    return header, lines


def _of_letters(origin: str, letters: Sequence[str] | np.ndarray, **keyed: Any) -> Submission:
    if isinstance(letters, np.ndarray) and letters.dtype.kind in "iu":
        numbers = letters
    else:
        numbers = np.array([_NUMBER_OF.get(str(letter).strip(), -1) for letter in letters], int)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(LETTERS)))
    submission = Submission(origin, numbers.astype(np.uint8), **keyed)
    if wrong.size:
        raise NotMNISTError(
            f"{submission.place(wrong[0])}: {str(letters[wrong[0]])!r:.40} is not a letter from A "
            "to J (or a number from 0 to 9)"
        )
    return submission


def _of_probabilities(origin: str, probabilities: np.ndarray, **keyed: Any) -> Submission:
    if probabilities.dtype.kind not in "fiu":
        raise NotMNISTError(f"{origin}: probabilities are {probabilities.dtype}; give numbers")
    probabilities = probabilities.astype(np.float64)
    submission = Submission(
        origin, probabilities.argmax(axis=1).astype(np.uint8), probabilities, **keyed
    )
    with np.errstate(invalid="ignore"):  # infinities of both signs
        sums = probabilities.sum(axis=1)
    # No comparison with NaN is true.
    fine = (probabilities >= 0).all(axis=1) & (np.abs(sums - 1) <= _SUM_TOLERANCE)
    if not fine.all():
        first = int(np.argmin(fine))
        raise NotMNISTError(
            f"{submission.place(first)}: the least probability is {probabilities[first].min():g} "
            f"and their sum {sums[first]:g}; give numbers from 0 on that sum to 1"
        )
    return submission


def _unreadable(path: str, error: Exception) -> NotMNISTError:
    reason = getattr(error, "strerror", None) or error
    return NotMNISTError(
        f"cannot read predictions from {path} ({reason!s:.200}): give a file as "
        "`notmnist evaluate --help` describes it"
    )
