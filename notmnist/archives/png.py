"""Decode small greyscale PNG files strictly, so that no damaged file passes for a whole one.

The checksum of every chunk is checked, as are the number and checksum of the pixels and the end of
the file.
"""

import re
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from notmnist.sources import IMAGE_SIZE

# A chunk: length of the content, name, content, checksum of name and content.
_HEAD, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
# Signature and header of a 28x28, 8-bit greyscale file that is not interlaced.
_IHDR = b"IHDR" + struct.pack(">IIBBBBB", IMAGE_SIZE, IMAGE_SIZE, 8, 0, 0, 0, 0)
_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + _IHDR + _CHECKSUM.pack(zlib.crc32(_IHDR))
_END = b"\x00\x00\x00\x00IEND" + _CHECKSUM.pack(zlib.crc32(b"IEND"))
# Chunks that may be ignored begin with a small letter; those of animations are not ignored.
_OTHERS = rb"(?:(?!acTL|fcTL|fdAT)[a-z][A-Za-z]{3})*"
_ORDER = re.compile(_OTHERS + rb"(?:IDAT)+" + _OTHERS)
_ROW = IMAGE_SIZE + 1  # a byte that names the row's filter, and the pixels
_BYTES = IMAGE_SIZE * _ROW
_NONE, _SUB, _UP, _AVERAGE, _PAETH = _FILTERS = bytes(range(5))


def decode(files: Sequence[bytes | str]) -> tuple[np.ndarray, list[str]]:
    """Decode 28x28, 8-bit greyscale PNG files that are neither interlaced nor animated.

    Parameters
    ----------
    files : sequence of bytes or str
        The content of each file, or the reason why it could not be read, which is passed on.

    Returns
    -------
    images : ndarray of uint8, shape (len(files), 28, 28)
        Zeros for a file with a problem.
    problems : list of str
        What is wrong with each file; empty if nothing is.
    """
    filtered, problems = [], []
    for file in files:
        try:
            filtered.append(_filtered_rows(file))
            problems.append("")
        except ValueError as error:
            filtered.append(bytes(_BYTES))
            problems.append(str(error))
    rows = np.frombuffer(b"".join(filtered), np.uint8).reshape(-1, IMAGE_SIZE, _ROW)
    return _unfilter(rows), problems


def _filtered_rows(file: bytes | str) -> bytes:
    """Return the rows as stored in the file, or raise ValueError if it is damaged."""
    if isinstance(file, str):
        raise ValueError(file)
    if not file.startswith(_START):
        raise ValueError("not a 28x28 8-bit greyscale PNG" if file else "empty file")
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(_pixel_data(file), _BYTES + 1)
    except (struct.error, zlib.error) as error:
        raise ValueError("a PNG that is cut short or broken") from error
    if not stream.eof or stream.unused_data or len(rows) != _BYTES:
        raise ValueError("a PNG with too few pixels or too many")
    if rows[::_ROW].strip(_FILTERS):
        raise ValueError("a PNG with an unknown filter")
    return rows


def _pixel_data(file: bytes) -> bytes:
    """Check everything between header and end, and join the chunks of pixels."""
    kinds, data, position, end = b"", b"", len(_START), len(file) - len(_END)
    while position < end:
        length, kind = _HEAD.unpack_from(file, position)
        content = file[position + _HEAD.size : position + _HEAD.size + length]
        position += _HEAD.size + length
        if _CHECKSUM.unpack_from(file, position) != (zlib.crc32(kind + content),):
            raise ValueError("a PNG with a wrong checksum")
        if kind == b"IDAT":
            data += content
        kinds += kind
        position += _CHECKSUM.size
    if position != end or not file.endswith(_END) or not _ORDER.fullmatch(kinds):
        raise ValueError("a PNG with missing, unknown or misplaced parts")
    return data


def _unfilter(filtered: np.ndarray) -> np.ndarray:
    """Undo the filters of PNG (RFC 2083, section 6), row by row for all images at once."""
    # Pixels of the same position lie side by side, so that one step handles all images.
    lines = np.array(filtered.transpose(1, 2, 0), order="C")
    above = np.zeros_like(lines[0, 1:])
    for line in lines:
        kind, row = line[0], line[1:]
        row += above * (kind == _UP)
        for one, undo in ((_SUB, _undo_sub), (_AVERAGE, _undo_average), (_PAETH, _undo_paeth)):
            chosen = np.flatnonzero(kind == one)
            if len(chosen):
                pixels = row.take(chosen, axis=1)
                undo(pixels, above.take(chosen, axis=1).astype(np.int16))
                row[:, chosen] = pixels
        above = row
    return np.ascontiguousarray(lines[:, 1:].transpose(2, 0, 1))


def _undo_sub(pixels: np.ndarray, _: np.ndarray) -> None:
    """Add to every pixel its neighbour to the left."""
    np.cumsum(pixels, axis=0, dtype=np.uint8, out=pixels)


def _undo_average(pixels: np.ndarray, upper: np.ndarray) -> None:
    """Add to every pixel the mean of its neighbours to the left and above."""
    left = np.zeros_like(upper[0])
    for pixel, up in zip(pixels, upper, strict=True):
        pixel += ((left + up) >> 1).astype(np.uint8)
        left = pixel.astype(np.int16)


def _undo_paeth(pixels: np.ndarray, upper: np.ndarray) -> None:
    """Add the neighbour that left + up - corner is closest to: left, else up, else corner."""
    corners = np.zeros_like(upper)
    corners[1:] = upper[:-1]
    slopes = upper - corners
    left = np.zeros_like(upper[0])
    for pixel, up, corner, slope, to_left in zip(
        pixels, upper, corners, slopes, np.abs(slopes), strict=True
    ):
        rise = left - corner
        to_up, to_corner = np.abs(rise), np.abs(rise + slope)
        predicted = np.where(to_up <= to_corner, up, corner)
        np.copyto(predicted, left, where=(to_left <= to_up) & (to_left <= to_corner))
        pixel += predicted.astype(np.uint8)
        left = pixel.astype(np.int16)
