"""Walk fast through a tar archive of regular files and folders with short or GNU long names.

No object is made for any of the half a million members. The walk stops at the end of the archive
and at anything unknown or odd; Python's tarfile continues from there.
"""

from itertools import compress

import numpy as np

_BLOCK = 512
_FILE, _FOLDER, _LONG_NAME = b"05L"
_KNOWN = np.isin(np.arange(256), (_FILE, _FOLDER, _LONG_NAME))
# Fields of a header (POSIX.1-1988 ustar).
_NAME, _SIZE, _CHECKSUM, _KIND = slice(0, 100), slice(124, 136), slice(148, 156), 156
_MAGIC, _PREFIX = slice(257, 262), slice(345, 500)
# Mode, owner, group, size, time, checksum and device: octal numbers.
_NUMBERS = (
    (100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156), (329, 337), (337, 345)
)  # fmt: skip
_COLUMNS = [column for start, end in _NUMBERS for column in range(start, end)]
_WITHIN = np.array([column not in dict(_NUMBERS) for column in _COLUMNS[1:]])


class Walk:
    """Go from header to header through an archive that arrives in pieces.

    Parameters
    ----------
    most_bytes : int
        Largest size of a member.

    Attributes
    ----------
    rest : bytes
        The bytes after the members that were returned.
    stopped : bool
        Whether `rest` begins with something that the walk leaves to tarfile.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.rest = b""
        self.stopped = False

    def through(self, piece: bytes) -> list[tuple[bytes, bytes]]:
        """Return the names and contents of the files that are complete by now.

        Parameters
        ----------
        piece : bytes
            The next bytes of the archive.
        """
        buffer = self.rest + piece
        starts, sizes = self._whole_members(buffer)
        blocks = np.frombuffer(buffer, np.uint8, len(buffer) // _BLOCK * _BLOCK)
        headers = blocks.reshape(-1, _BLOCK)[np.array(starts[:-1], np.int64) // _BLOCK]
        odd = np.flatnonzero(~_are_plain(headers, sizes))
        if len(odd):
            headers = headers[: odd[0]]
            self.stopped = True
        names, kinds = _names(headers), headers[:, _KIND]
        count = len(names)
        # A long name is a member of its own, before the one that it names.
        for place in np.flatnonzero(kinds == _LONG_NAME).tolist():
            long_name = buffer[starts[place] + _BLOCK : starts[place + 1]].partition(b"\0")[0]
            if place + 1 == len(names) or kinds[place + 1] == _LONG_NAME or not long_name:
                self.stopped = self.stopped or place + 1 < len(names) or not long_name
                count = place
                break
            names[place + 1] = long_name
        self.rest = buffer[starts[count] :]
        contents = [
            buffer[start + _BLOCK : start + _BLOCK + size]
            for start, size in zip(starts[:count], sizes, strict=False)
        ]
        is_file = (kinds[:count] == _FILE).tolist()
        return list(compress(zip(names, contents, strict=False), is_file))

    def _whole_members(self, buffer: bytes) -> tuple[list[int], list[int]]:
        """Find where complete members start, and the last one ends, and their sizes."""
        start, starts, sizes = 0, [0], []
        while start + _BLOCK <= len(buffer):
            try:
                size = int(buffer[start + _SIZE.start : start + _SIZE.stop - 1], 8)
            except ValueError:
                size = -1
            if not 0 <= size <= self.most_bytes:
                self.stopped = True
                break
            start += _BLOCK + -(-size // _BLOCK) * _BLOCK
            if start > len(buffer):
                break
            starts.append(start)
            sizes.append(size)
        return starts, sizes


def _are_plain(headers: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Tell which headers hold only what the walk knows, with a correct checksum."""
    field, kinds = headers[:, _CHECKSUM], headers[:, _KIND]
    sums = headers.sum(axis=1) - field.sum(axis=1) + ord(" ") * field.shape[1]
    return (
        _KNOWN[kinds]
        & (headers[:, _MAGIC] == np.frombuffer(b"ustar", np.uint8)).all(axis=1)
        & _hold_numbers(headers)
        & (_numbers(field) == sums)
        & (_numbers(headers[:, _SIZE]) == sizes)
        & ((kinds != _FOLDER) | (np.array(sizes) == 0))
    )


def _hold_numbers(headers: np.ndarray) -> np.ndarray:
    """Tell in which headers every number consists of digits, then zero bytes or spaces."""
    fields = headers[:, _COLUMNS]
    is_digit = (fields >= ord("0")) & (fields <= ord("7"))
    is_end = (fields == 0) | (fields == ord(" "))
    digit_behind_end = is_end[:, :-1] & is_digit[:, 1:] & _WITHIN
    return (is_digit | is_end).all(axis=1) & ~digit_behind_end.any(axis=1)


def _numbers(fields: np.ndarray) -> np.ndarray:
    """Return the numbers in fields of digits that are followed by zero bytes or spaces."""
    is_digit = fields >= ord("0")
    weights = 8 ** np.arange(fields.shape[1])[::-1]
    return np.where(is_digit, fields - ord("0"), 0) @ weights >> 3 * (~is_digit).sum(axis=1)


def _names(headers: np.ndarray) -> list[bytes]:
    """Return the names of members, each after its prefix if it has one."""
    names, prefixes = _texts(headers[:, _NAME]), _texts(headers[:, _PREFIX])
    return [
        prefix + b"/" + name if prefix else name
        for prefix, name in zip(prefixes, names, strict=True)
    ]


def _texts(fields: np.ndarray) -> list[bytes]:
    """Return the text before the first zero byte of every field."""
    texts = fields.copy().view(f"S{fields.shape[1]}")[:, 0].tolist()
    return [text.partition(b"\0")[0] for text in texts]
