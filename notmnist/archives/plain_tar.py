"""The fast way through a tar archive of regular files and folders, under short or GNU's long names.

Half a million members are walked without making an object for each. The walk stops at whatever is
not of that kind, looks wrong or ends the archive: Python's tarfile goes on from there.
"""

from itertools import compress

import numpy as np

_BLOCK = 512
_FILE, _FOLDER, _LONG_NAME = b"05L"
_KNOWN = np.isin(np.arange(256), (_FILE, _FOLDER, _LONG_NAME))
# Fields of a header (POSIX.1-1988 ustar).
_NAME, _SIZE, _CHECKSUM, _KIND = slice(0, 100), slice(124, 136), slice(148, 156), 156
_MAGIC, _PREFIX = slice(257, 262), slice(345, 500)
# Mode, owner, group, size, time, checksum and device: octal digits, then zeros or spaces.
_NUMBERS = tuple(
    slice(*field)
    for field in ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156),
                  (329, 337), (337, 345))
)  # fmt: skip


class Walk:
    """Go from header to header through an archive that comes in pieces.

    Parameters
    ----------
    most_bytes : int
        Largest size of a member.

    Attributes
    ----------
    rest : bytes
        What follows the members that were given.
    stopped : bool
        Whether that begins with something that the walk leaves to others.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.rest = b""
        self.stopped = False

    def through(self, piece: bytes) -> list[tuple[bytes, bytes]]:
        """Return the names and contents of the files that are whole by now, as tarfile gives them.

        Parameters
        ----------
        piece : bytes
            What comes next of the archive.
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
        """Find where members start, with the start of what follows them, and their sizes."""
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
    """Tell which headers hold nothing but what the walk knows, and a right checksum."""
    numbers = {field.start: _numbers(headers[:, field]) for field in _NUMBERS}
    field = headers[:, _CHECKSUM]
    sums = headers.sum(axis=1) - field.sum(axis=1) + ord(" ") * field.shape[1]
    kinds = headers[:, _KIND]
    return (
        _KNOWN[kinds]
        & (headers[:, _MAGIC] == np.frombuffer(b"ustar", np.uint8)).all(axis=1)
        & (numbers[_CHECKSUM.start] == sums)
        & (numbers[_SIZE.start] == sizes)
        & ((kinds != _FOLDER) | (numbers[_SIZE.start] == 0))
        & np.all([number >= 0 for number in numbers.values()], axis=0)
    )


def _numbers(fields: np.ndarray) -> np.ndarray:
    """Return octal numbers, -1 where something else stands than digits, then zeros or spaces."""
    digits = fields.astype(np.int64) - ord("0")
    is_digit = (digits >= 0) & (digits < 8)
    is_end = (fields == 0) | (fields == ord(" "))
    well_formed = (is_digit | is_end).all(axis=1) & ~(is_end[:, :-1] & is_digit[:, 1:]).any(axis=1)
    weights = 8 ** np.arange(fields.shape[1])[::-1]
    numbers = np.where(is_digit, digits, 0) @ weights >> 3 * is_end.sum(axis=1)
    return np.where(well_formed, numbers, -1)


def _names(headers: np.ndarray) -> list[bytes]:
    """Return the names of members, each behind its prefix where it has one."""
    names, prefixes = _texts(headers[:, _NAME]), _texts(headers[:, _PREFIX])
    return [
        prefix + b"/" + name if prefix else name
        for prefix, name in zip(prefixes, names, strict=True)
    ]


def _texts(fields: np.ndarray) -> list[bytes]:
    """Return what stands before the first zero of every field."""
    texts = fields.copy().view(f"S{fields.shape[1]}")[:, 0].tolist()
    return [text.partition(b"\0")[0] for text in texts]
