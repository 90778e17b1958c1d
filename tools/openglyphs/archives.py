"""Write archives in the format of notMNIST, so that equal images give equal bytes.

An archive is a tar.gz of `<root>/<letter>/<base64 of the font's name>.png`. The PNG files contain
stored (uncompressed) data and the tar's headers are constant, so the bytes of the tar depend only
on the images and names. Compression is left to the gzip layer, which can exploit similarities
between neighbouring images. Other implementations of deflate than the classic zlib (such as
zlib-ng) give a different file with the same tar inside, which is why `hash_tar` hashes the tar.
"""

import base64
import gzip
import hashlib
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.sources import IMAGE_SIZE

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = struct.pack(
    ">IIBBBBB", IMAGE_SIZE, IMAGE_SIZE, 8, 0, 0, 0, 0
)  # 8-bit grey, not interlaced
BLOCK, RECORD = 512, 10_240  # a tar consists of blocks and ends with a whole record
STORED_ZLIB_HEADER = b"\x78\x01\x01"  # 32 KiB window; one stored block, the last


def encode_png(image: np.ndarray) -> bytes:
    """Encode an image as a PNG file, with the same bytes under any zlib.

    Parameters
    ----------
    image : ndarray, (28, 28) uint8
        The image.

    Returns
    -------
    bytes
        The content of the file.
    """
    rows = np.zeros((IMAGE_SIZE, 1 + IMAGE_SIZE), np.uint8)  # column 0 is the filter type: none
    rows[:, 1:] = image
    data = rows.tobytes()
    size = struct.pack("<HH", len(data), len(data) ^ 0xFFFF)
    stored = STORED_ZLIB_HEADER + size + data + struct.pack(">I", zlib.adler32(data))
    chunks = ((b"IHDR", PNG_HEADER), (b"IDAT", stored), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def member_name(root: str, letter: str, font: str) -> str:
    """Return the name of the archive member for a letter of a font."""
    return f"{root}/{letter}/{base64.b64encode(font.encode()).decode()}.png"


def write_archive(
    path: Path, root: str, glyphs: Iterable[tuple[str, str, np.ndarray]], level: int = 9
) -> None:
    """Write glyphs to a notMNIST archive, one at a time and in the given order.

    Parameters
    ----------
    path : Path
        The tar.gz to write.
    root : str
        The name of the folder inside it.
    glyphs : iterable of (letter, font name, image)
        The glyphs. Images are (28, 28) uint8, with ink 255 on 0.
    level : int
        The compression level of zlib. On varied glyphs, 6 is ten times as fast as 9, and the
        archive is 2% larger.
    """
    write_tar(
        path,
        ((member_name(root, letter, font), encode_png(image)) for letter, font, image in glyphs),
        level,
    )


def write_tar(path: Path, members: Iterable[tuple[str, bytes]], level: int) -> None:
    """Write a tar.gz, one member at a time.

    `tarfile` would keep the headers of all members in memory: 1 GB for half a million.

    Parameters
    ----------
    path : Path
        The file to write.
    members : iterable of (name, content)
        The files to put into it.
    level : int
        The compression level of zlib.
    """
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=level, fileobj=file, mtime=0) as stream,
    ):
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            stream.write(member.tobuf(tarfile.USTAR_FORMAT))
            stream.write(content + bytes(-len(content) % BLOCK))
        end = stream.tell() + 2 * BLOCK
        stream.write(bytes(end + -end % RECORD - stream.tell()))


def read_archive(path: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Read an archive that `write_archive` wrote, in the same order.

    Yields
    ------
    (letter, font name, image)
        A glyph, whose image is (28, 28) uint8.

    Raises
    ------
    NotMNISTError
        If a member is not a PNG file from `encode_png`.
    """
    ends = encode_png(np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8))
    start = ends.index(b"IDAT") + 4 + len(STORED_ZLIB_HEADER) + 4
    with gzip.open(path) as stream:
        while any(header := stream.read(BLOCK)):
            member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
            content = stream.read(member.size)
            stream.read(-member.size % BLOCK)
            if len(content) != len(ends) or content[:start] != ends[:start]:
                raise NotMNISTError(
                    f"{path}: {member.name} is not a PNG file of this format; build it again"
                )
            rows = np.frombuffer(content, np.uint8, IMAGE_SIZE * (IMAGE_SIZE + 1), start)
            _, letter, name = member.name.split("/")
            font = base64.b64decode(name.removesuffix(".png")).decode()
            yield letter, font, rows.reshape(IMAGE_SIZE, IMAGE_SIZE + 1)[:, 1:]


def hash_tar(path: Path) -> str:
    """Return the hexadecimal sha256 of an archive's tar, however the tar was compressed."""
    with gzip.open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
