"""The decoder of plain PNG files, with Pillow as the oracle."""

import io
import struct
import zlib

import numpy as np
import pytest
from archives import noise, png
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from notmnist.archives.png import START, decode_plain


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))


def plain(rows, level=6):
    data = chunk(b"IDAT", zlib.compress(rows, level))
    return START[:8] + HEADER + data + chunk(b"IEND", b"")


def pillow(file):
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image)


@given(st.lists(st.integers(0, 4), min_size=28, max_size=28), st.integers(0, 2**32 - 1))
def test_every_mixture_of_filters_gives_the_pixels_that_pillow_gives(filters, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (28, 29), np.uint8)
    rows[:, 0] = filters
    files = [plain(rows.tobytes()), plain(rows[::-1].tobytes(), 0)]
    images, known = decode_plain(files)
    assert known.all()
    assert np.array_equal(images, [pillow(file) for file in files])


def test_files_as_pillow_writes_them_are_plain():
    files = [png(noise(seed)) for seed in range(5)]
    images, known = decode_plain(files)
    assert known.all()
    assert np.array_equal(images, [noise(seed) for seed in range(5)])


GOOD = plain(bytes(28 * 29))
ODD = {
    "nothing": b"",
    "no PNG": b"GIF89a",
    "cut": GOOD[:-1],
    "longer": GOOD + b"\0",
    "wrong checksum": GOOD[:-13] + bytes([GOOD[-13] ^ 1]) + GOOD[-12:],
    "too few rows": plain(bytes(27 * 29)),
    "too many rows": plain(bytes(29 * 29)),
    "a bomb": plain(bytes(50_000_000), 9),
    "unknown filter": plain(b"\x05" + bytes(28 * 29 - 1)),
    "pixels not deflated": START[:8] + HEADER + chunk(b"IDAT", b"?") + chunk(b"IEND", b""),
    "data behind the pixels": START[:8]
    + HEADER
    + chunk(b"IDAT", zlib.compress(bytes(28 * 29)) + b"?")
    + chunk(b"IEND", b""),
    "two chunks": START[:8]
    + HEADER
    + chunk(b"IDAT", zlib.compress(bytes(28 * 29))[:9])
    + chunk(b"IDAT", zlib.compress(bytes(28 * 29))[9:])
    + chunk(b"IEND", b""),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_what_is_not_plain_is_left_to_others_and_spoils_no_neighbour(odd):
    files = [png(noise(0)), odd, png(noise(1))]
    images, known = decode_plain(files)
    assert known.tolist() == [True, False, True]
    assert np.array_equal(images[[0, 2]], [noise(0), noise(1)])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_an_altered_byte_is_noticed(where, change):
    altered = bytearray(GOOD)
    altered[where] ^= change
    assert not decode_plain([bytes(altered)])[1].any()


def test_no_file_gives_no_image():
    images, known = decode_plain([])
    assert images.shape == (0, 28, 28) and known.shape == (0,)
