"""Decode small PNG files: many at once of the plain kind that notMNIST is made of, or any one."""

import io
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from notmnist.sources import IMAGE_SIZE

# Signature and header of a 28x28, 8-bit greyscale file without interlace, checksum and all.
_IHDR = b"IHDR" + b"\x00\x00\x00\x1c" * 2 + b"\x08\x00\x00\x00\x00"
START = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0d" + _IHDR
_START = START + zlib.crc32(_IHDR).to_bytes(4, "big")
_END = b"\x00\x00\x00\x00IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")
# What stands around the data of the pixels' chunk: the last two fields come behind it.
_FRAME = np.dtype(
    [("start", "S33"), ("length", ">u4"), ("name", "S4"), ("checksum", ">u4"), ("end", "S12")]
)
_HEAD, _TAIL = 33 + 4 + 4, 4 + 12
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
    chunks = [file[_HEAD - 4 : -_TAIL] for file in files]
    framed = _framed(files, chunks).tolist()
    inflated = [_inflate(c[4:]) if whole else b"" for c, whole in zip(chunks, framed, strict=True)]
    plain = np.array([len(rows) == _BYTES for rows in inflated], bool)
    images = np.empty((len(files), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    joined = b"".join(rows for rows in inflated if len(rows) == _BYTES)
    filtered = np.frombuffer(joined, np.uint8).reshape(-1, IMAGE_SIZE, _ROW)
    known = (filtered[:, :, 0] <= _PAETH).all(axis=1)
    plain[plain] = known
    images[plain] = _unfilter(filtered[known])
    return images, plain


def decode(blob: bytes) -> np.ndarray:
    """Decode one 28x28, 8-bit greyscale, not interlaced, not animated PNG file.

    Parameters
    ----------
    blob : bytes
        The file's content.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        Its pixels.

    Raises
    ------
    ValueError
        When it is anything else or is broken.
    """
    if not blob.startswith(START):
        raise ValueError("not a 28x28 8-bit greyscale PNG" if blob else "empty file")
    try:
        with Image.open(io.BytesIO(blob), formats=["PNG"]) as image:
            if image.is_animated or image.mode != "L" or image.size != (IMAGE_SIZE, IMAGE_SIZE):
                raise ValueError("animated, or with a second header")
            return np.asarray(image)
    except Exception as error:  # on broken files Pillow raises errors of a dozen types
        raise ValueError("a broken PNG") from error


def _framed(files: Sequence[bytes], chunks: list[bytes]) -> np.ndarray:
    """Tell in which files everything around the pixels is as it should be, checksums too."""
    ends = [(file[:_HEAD] + file[-_TAIL:]).ljust(_FRAME.itemsize) for file in files]
    frames = np.frombuffer(b"".join(ends), _FRAME)
    lengths = np.fromiter(map(len, chunks), np.int64, len(files))
    checksums = np.fromiter(map(zlib.crc32, chunks), np.uint32, len(files))
    return (
        (frames["start"] == _START)
        & (frames["name"] == b"IDAT")
        & (frames["end"] == _END)
        & (frames["length"] == lengths - 4)
        & (frames["checksum"] == checksums)
    )


def _inflate(data: bytes) -> bytes:
    """Return the filtered rows, or none."""
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(data, _BYTES + 1)
    except zlib.error:
        return b""
    return rows if stream.eof and not stream.unused_data else b""


def _unfilter(filtered: np.ndarray) -> np.ndarray:
    """Undo the filters of PNG (RFC 2083, section 6), row by row for all images at once."""
    # Pixels of one place lie side by side, so that one step undoes them in all images.
    lines = np.ascontiguousarray(filtered.transpose(1, 2, 0))
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
