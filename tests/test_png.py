"""The decoder of PNG files; a decoder that follows the standard and Pillow are the oracles."""

import io
import itertools
import random
import struct
import zlib

import numpy as np
import pytest
from archives import noise, png
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from notmnist.archives.png import decode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ROWS = noise(0)


def chunk(kind, content=b"", wrong=0):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body) ^ wrong)


def header(width=28, height=28, depth=8, colour=0, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def pixels(rows=28, filters=b"\0"):
    """Compress rows of noise, each behind the number of its filter."""
    lines = np.tile(ROWS, (2, 1))[:rows]
    kinds = itertools.cycle(filters)
    return zlib.compress(b"".join(bytes([next(kinds)]) + line.tobytes() for line in lines))


def file_of(*chunks):
    return SIGNATURE + b"".join(chunks)


DATA, END = pixels(), chunk(b"IEND")
GOOD = file_of(header(), chunk(b"IDAT", DATA), END)
HALVES = chunk(b"IDAT", DATA[:300]), chunk(b"IDAT", DATA[300:])
TEXT = chunk(b"tEXt", b"font\0Arial")


def pillow(file):
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image)


def chunks_of(file):
    """Parse a file as the standard says, and return None unless every part of it is sound."""
    if not file.startswith(SIGNATURE):
        return None
    chunks, position = [], len(SIGNATURE)
    while position < len(file):
        if len(file) < position + 12:
            return None
        length, kind = struct.unpack(">I4s", file[position : position + 8])
        content = file[position + 8 : position + 8 + length]
        checksum = file[position + 8 + length : position + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind + content)) or len(content) != length:
            return None
        chunks.append((kind, content))
        position += 12 + length
    return chunks


def by_the_book(file):
    """Return the pixels of a 28x28, 8-bit greyscale file that is sound in every part, or None."""
    chunks = chunks_of(file)
    if not chunks or chunks[0] != (b"IHDR", header()[8:-4]) or chunks[-1] != (b"IEND", b""):
        return None
    between = [kind for kind, _ in chunks[1:-1]]
    critical = {kind for kind in between if not kind.isalpha() or kind[:1].isupper()}
    runs = [kind for kind, _ in itertools.groupby(between)]
    if critical != {b"IDAT"} or runs.count(b"IDAT") != 1:
        return None
    if {b"acTL", b"fcTL", b"fdAT"} & set(between):
        return None
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    except zlib.error:
        return None
    if not stream.eof or stream.unused_data or len(rows) != 28 * 29 or max(rows[::29]) > 4:
        return None
    # Pillow stumbles over broken texts and colours too.
    needed = [(kind, content) for kind, content in chunks if kind[:1].isupper()]
    return pillow(file_of(*(chunk(kind, content) for kind, content in needed)))


def agree(files):
    """Assert that the decoder and the book agree on every file; return which are accepted."""
    images, problems = decode(files)
    for file, image, problem in zip(files, images, problems, strict=True):
        expected = by_the_book(file)
        assert (expected is None) == bool(problem), (problem, file)
        assert problem or np.array_equal(image, expected), file
    return [not problem for problem in problems]


@given(st.lists(st.integers(0, 4), min_size=28, max_size=28), st.integers(0, 2**32 - 1))
def test_every_mixture_of_filters_gives_the_pixels_that_pillow_gives(filters, seed):
    rows = np.random.default_rng(seed).integers(0, 256, (28, 29), np.uint8)
    rows[:, 0] = filters
    files = [
        file_of(header(), chunk(b"IDAT", zlib.compress(data.tobytes(), level)), END)
        for data, level in ((rows, 6), (rows[::-1], 0))
    ]
    images, problems = decode(files)
    assert problems == ["", ""]
    assert np.array_equal(images, [pillow(file) for file in files])


SOUND = {
    "as Pillow writes it": png(ROWS),
    "pixels in two chunks": file_of(header(), *HALVES, END),
    "an empty chunk of pixels": file_of(header(), chunk(b"IDAT"), *HALVES, END),
    "text before and behind the pixels": file_of(header(), TEXT, chunk(b"IDAT", DATA), TEXT, END),
    "a transparent grey": file_of(header(), chunk(b"tRNS", b"\0\7"), chunk(b"IDAT", DATA), END),
}


@pytest.mark.parametrize("file", SOUND.values(), ids=SOUND)
def test_a_sound_file_is_decoded_however_it_is_cut_into_chunks(file):
    assert agree([file]) == [True]
    assert np.array_equal(decode([file])[0], [ROWS])


def animated():
    file = io.BytesIO()
    frames = [Image.fromarray(noise(i)) for i in range(2)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


UNSOUND = {
    "nothing": b"",
    "another format": b"GIF89a",
    "a web page": b"<html>" * 20,
    "the header alone": file_of(header()),
    "cut short": GOOD[:-200],
    "without its last byte": GOOD[:-1],
    "with a byte more": GOOD + b"\0",
    "without an end": file_of(header(), chunk(b"IDAT", DATA)),
    "an end with content": file_of(header(), chunk(b"IDAT", DATA), chunk(b"IEND", b"?")),
    "two ends": GOOD + END,
    "27 x 28": file_of(header(27), chunk(b"IDAT", DATA), END),
    "16 bits": file_of(header(depth=16), chunk(b"IDAT", DATA), END),
    "colours": png(np.zeros((28, 28, 3), np.uint8)),
    "one bit": png(np.zeros((28, 28), bool)),
    "grey and alpha": png(np.zeros((28, 28, 2), np.uint8)),
    "interlaced": file_of(header(interlace=1), chunk(b"IDAT", DATA), END),
    "animated": animated(),
    "a frame without an animation": file_of(
        header(), chunk(b"IDAT", DATA), chunk(b"fdAT", bytes(4) + DATA), END
    ),
    "a second header": file_of(header(), header(1, 1), chunk(b"IDAT", DATA), END),
    "a palette": file_of(header(), chunk(b"PLTE", bytes(3)), chunk(b"IDAT", DATA), END),
    "an unknown part that matters": file_of(header(), chunk(b"NEWS"), chunk(b"IDAT", DATA), END),
    "a name that is none": file_of(header(), chunk(b"a\0\0\0"), chunk(b"IDAT", DATA), END),
    "no pixels": file_of(header(), END),
    "pixels in two places": file_of(header(), HALVES[0], TEXT, HALVES[1], END),
    "a wrong checksum of the header": file_of(
        chunk(b"IHDR", header()[8:-4], wrong=1), chunk(b"IDAT", DATA), END
    ),
    "a wrong checksum of the only pixels": file_of(header(), chunk(b"IDAT", DATA, wrong=1), END),
    "a wrong checksum of some pixels": file_of(
        header(), HALVES[0], chunk(b"IDAT", DATA[300:], wrong=1), END
    ),
    "a wrong checksum of a text": file_of(
        header(), chunk(b"tEXt", b"font\0Arial", wrong=1), chunk(b"IDAT", DATA), END
    ),
    "a wrong checksum of the end": file_of(
        header(), chunk(b"IDAT", DATA), chunk(b"IEND", wrong=1)
    ),
    "pixels without their checksum": file_of(header(), chunk(b"IDAT", DATA[:-4]), END),
    "pixels with a wrong checksum": file_of(header(), chunk(b"IDAT", DATA[:-1] + b"?"), END),
    "pixels not deflated": file_of(header(), chunk(b"IDAT", b"?" * 812), END),
    "a row": file_of(header(), chunk(b"IDAT", pixels(rows=1)), END),
    "27 rows": file_of(header(), chunk(b"IDAT", pixels(rows=27)), END),
    "29 rows": file_of(header(), chunk(b"IDAT", pixels(rows=29)), END),
    "two streams": file_of(header(), chunk(b"IDAT", DATA + DATA), END),
    "two streams of half the rows": file_of(header(), *[chunk(b"IDAT", pixels(rows=14))] * 2, END),
    "a bomb": file_of(header(), chunk(b"IDAT", zlib.compress(bytes(50_000_000), 9)), END),
    "an unknown filter": file_of(header(), chunk(b"IDAT", pixels(filters=b"\0\5\0")), END),
}  # fmt: skip


@pytest.mark.parametrize("file", UNSOUND.values(), ids=UNSOUND)
def test_what_is_not_sound_is_refused_with_a_reason_and_spoils_no_neighbour(file):
    images, problems = decode([png(noise(1)), file, png(noise(2))])
    assert (problems[0], problems[2]) == ("", "")
    assert problems[1] and "\n" not in problems[1]
    assert np.array_equal(images, [noise(1), np.zeros((28, 28)), noise(2)])
    assert by_the_book(file) is None


def test_no_single_bit_can_be_altered_unnoticed():
    files = []
    for place, bit in itertools.product(range(len(GOOD)), range(8)):
        altered = bytearray(GOOD)
        altered[place] ^= 1 << bit
        files.append(bytes(altered))
    assert all(decode(files)[1])


def mutated(rng):
    """Alter a sound file as a whole, in its parts, in their content or in single bytes."""
    parts = chunks_of(rng.choice(list(SOUND.values())))
    others = chunks_of(rng.choice(list(SOUND.values()))) + chunks_of(UNSOUND["animated"])
    for _ in range(rng.choice((0, 1, 1, 2))):
        place = rng.randrange(len(parts) + 1)
        parts[place : place + rng.choice((0, 1))] = rng.choice(
            ([], [rng.choice(others)], [rng.choice(others), rng.choice(others)])
        )
    if parts and rng.random() < 0.3:
        place = rng.randrange(len(parts))
        kind, content = parts[place]
        at = rng.randrange(len(content) + 1)
        parts[place] = kind, content[:at] + rng.randbytes(rng.choice((0, 1, 4))) + content[at + 1 :]
    file = bytearray(file_of(*(chunk(kind, content) for kind, content in parts)))
    if rng.random() < 0.2:
        file[rng.randrange(len(file))] ^= 1 << rng.randrange(8)
    return bytes(file[: rng.randrange(len(file))] if rng.random() < 0.1 else file)


def test_mutated_files_are_accepted_when_the_book_accepts_them_and_with_its_pixels():
    rng = random.Random(0)
    accepted = agree([mutated(rng) for _ in range(2000)])
    assert 0.2 < np.mean(accepted) < 0.8


def test_what_is_compressed_beside_the_pixels_is_never_inflated():
    info = PngImagePlugin.PngInfo()
    info.add_text("bomb", "0" * 20_000_000, zip=True)
    images, problems = decode([png(ROWS, pnginfo=info)])
    assert problems == [""] and np.array_equal(images, [ROWS])


def test_a_reason_why_a_file_cannot_be_had_is_handed_on():
    images, problems = decode([GOOD, "a link"])
    assert problems == ["", "a link"]
    assert np.array_equal(images[0], ROWS)


def test_no_file_gives_no_image():
    images, problems = decode([])
    assert images.shape == (0, 28, 28) and problems == []
