"""Decode many small PNG files at once: those of the plain kind that notMNIST is made of."""

import zlib
from collections.abc import Sequence

import numpy as np

from notmnist.sources import IMAGE_SIZE

# Signature and header of a 28x28, 8-bit greyscale file without interlace, checksum and all.
_IHDR = b"IHDR" + b"\x00\x00\x00\x1c" * 2 + b"\x08\x00\x00\x00\x00"
START = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0d" + _IHDR
_START = START + zlib.crc32(_IHDR).to_bytes(4, "big")
_END = b"\x00\x00\x00\x00IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")
_DATA = len(_START) + 8  # where the pixels' chunk begins, behind its length and name
_ROW = IMAGE_SIZE + 1  # a byte that names the row's filter, and the pixels
_BYTES = IMAGE_SIZE * _ROW
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4


def decode_plain(files: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Decode PNG files of a header, one chunk of pixels and an end, with every checksum right.

    Parameters
    ----------
    files : sequence of bytes
        Their contents.

    Returns
    -------
    images : ndarray of uint8, shape (len(files), 28, 28)
        Undefined where `plain` is False.
    plain : ndarray of bool, shape (len(files),)
        Whether the file is of that kind; others may be read by other means.
    """
    inflated = [_inflate(file) for file in files]
    plain = np.array([len(rows) == _BYTES for rows in inflated], bool)
    images = np.empty((len(files), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    joined = b"".join(rows for rows in inflated if len(rows) == _BYTES)
    filtered = np.frombuffer(joined, np.uint8).reshape(-1, IMAGE_SIZE, _ROW)
    known = (filtered[:, :, 0] <= _PAETH).all(axis=1)
    plain[plain] = known
    images[plain] = _unfilter(filtered[known])
    return images, plain


def _inflate(file: bytes) -> bytes:
    """Return the filtered rows, or none."""
    end = _DATA + int.from_bytes(file[_DATA - 8 : _DATA - 4], "big")
    if (
        not file.startswith(_START)
        or file[_DATA - 4 : _DATA] != b"IDAT"
        or file[end + 4 :] != _END
        or zlib.crc32(file[_DATA - 4 : end]) != int.from_bytes(file[end : end + 4], "big")
    ):
        return b""
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(file[_DATA:end], _BYTES + 1)
    except zlib.error:
        return b""
    return rows if stream.eof and not stream.unused_data else b""


def _unfilter(filtered: np.ndarray) -> np.ndarray:
    """Undo the filters of PNG (RFC 2083, section 6), row by row for all images at once."""
    kinds, rows = filtered[:, :, 0], filtered[:, :, 1:]
    images = np.empty(rows.shape, np.uint8)
    above = np.zeros(rows[:, 0].shape, np.uint8)
    for number in range(IMAGE_SIZE):
        kind, row = kinds[:, number], rows[:, number].copy()
        chosen = kind == _SUB
        row[chosen] = np.cumsum(row[chosen], axis=1, dtype=np.uint8)
        chosen = kind == _UP
        row[chosen] += above[chosen]
        for one, predict in ((_AVERAGE, _average), (_PAETH, _paeth)):
            chosen = np.flatnonzero(kind == one)
            if len(chosen):
                row[chosen] = _undo(row[chosen], above[chosen], predict)
        images[:, number] = above = row
    return images


def _undo(row: np.ndarray, above: np.ndarray, predict) -> np.ndarray:
    """Add to every pixel what is predicted from those to the left, above, and above left."""
    pixels, upper = row.T.astype(np.int16), above.T.astype(np.int16)
    left = upper_left = np.zeros(len(row), np.int16)
    for number in range(IMAGE_SIZE):
        left = pixels[number] = (pixels[number] + predict(left, upper[number], upper_left)) & 255
        upper_left = upper[number]
    return pixels.T.astype(np.uint8)


def _average(left: np.ndarray, upper: np.ndarray, upper_left: np.ndarray) -> np.ndarray:
    return (left + upper) >> 1


def _paeth(left: np.ndarray, upper: np.ndarray, upper_left: np.ndarray) -> np.ndarray:
    """Return that neighbour which left + upper - upper_left comes closest to, in this order."""
    to_left, to_upper = np.abs(upper - upper_left), np.abs(left - upper_left)
    to_corner = np.abs(left + upper - 2 * upper_left)
    nearer = np.where(to_upper <= to_corner, upper, upper_left)
    return np.where((to_left <= to_upper) & (to_left <= to_corner), left, nearer)
