"""Render fonts to glyphs, and build the embedded archives from the provenance table."""

import ctypes
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import freetype.raw as ft
import numpy as np

from notmnist.errors import NotMNISTError
from notmnist.files import replacing, sha256
from notmnist.sources import IMAGE_SIZE, LETTERS, LOWERCASE, UNKNOWN
from tools.openglyphs.archives import hash_tar, write_archive
from tools.openglyphs.faces import check, opened
from tools.openglyphs.packages import fetch, read_fonts
from tools.openglyphs.provenance import TABLE, Font, read_table
from tools.openglyphs.styles import read_style

# The splits and the characters of each archive.
ARCHIVES = {
    "openglyphs_large": (("train", "valid"), LETTERS),
    "openglyphs_small": (("test",), LETTERS),
    "openglyphs_unknown": (("test",), UNKNOWN),
    "openglyphs_lowercase": (("train",), LOWERCASE),
}


def render(
    font: bytes,
    letters: str,
    offset: tuple[float, float] = (0, 0),
    setting: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Render letters of a font, each stretched to fill its image.

    The outline is used unscaled and unhinted. Its exact bounding box is mapped to the corners of
    the image, and the value of each pixel is the share of it that the outline covers. Nothing is
    resampled, so the bytes are the same everywhere.

    Parameters
    ----------
    font : bytes
        The content of a font file, in any format that FreeType can read.
    letters : str
        The letters to render.
    offset : (float, float)
        The number of pixels by which the stretched outline is moved to the right and up, in steps
        of 1/64. Parts that leave the image are cut off. This imitates the small differences between
        two renderings of the same outline.
    setting : mapping of str to float, optional
        The value of every axis of a variable font by its tag. Default: as the font is drawn.

    Returns
    -------
    ndarray, (len(letters), 28, 28) uint8
        The images, with ink 255 on 0.

    Raises
    ------
    ValueError
        If the font can't be parsed, has other axes, or a letter is missing or has no outline.
    """
    with opened(font, setting) as (library, face):
        return np.stack([_render_letter(library, face, letter, offset) for letter in letters])


def _render_letter(
    library: ft.FT_Library, face: ft.FT_Face, letter: str, offset: tuple[float, float]
) -> np.ndarray:
    index = ft.FT_Get_Char_Index(face, ord(letter))
    check(not index, f"there is no glyph for {letter}")
    flags = ft.FT_LOAD_NO_SCALE | ft.FT_LOAD_NO_HINTING
    check(ft.FT_Load_Glyph(face, index, flags), f"the glyph for {letter} can't be loaded")
    outline = ctypes.byref(face.contents.glyph.contents.outline)
    box = ft.FT_BBox()
    ft.FT_Outline_Get_BBox(outline, ctypes.byref(box))
    width, height = box.xMax - box.xMin, box.yMax - box.yMin
    check(not (width and height), f"the glyph for {letter} has no outline")
    ft.FT_Outline_Translate(outline, -box.xMin, -box.yMin)
    ft.FT_Outline_Transform(outline, ctypes.byref(_fill(width, height)))
    ft.FT_Outline_Translate(outline, *(round(64 * by) for by in offset))
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    bitmap = ft.FT_Bitmap(
        rows=IMAGE_SIZE,
        width=IMAGE_SIZE,
        pitch=IMAGE_SIZE,
        buffer=image.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte)),
        num_grays=256,
        pixel_mode=ft.FT_PIXEL_MODE_GRAY,
    )
    drawn = ft.FT_Outline_Get_Bitmap(library, outline, ctypes.byref(bitmap))
    check(drawn, f"the glyph for {letter} can't be rendered")
    return image


def _fill(width: int, height: int) -> ft.FT_Matrix:
    """Return the matrix (16.16) that maps a box in font units to the image in 1/64 pixels."""
    side = 64 * IMAGE_SIZE << 16
    return ft.FT_Matrix(xx=(side + width // 2) // width, yy=(side + height // 2) // height)


def build(packages: Path, out: Path, table: Path = TABLE) -> None:
    """Build the archives from a provenance table and its packages, and print their hashes.

    Parameters
    ----------
    packages : Path
        The folder of the font packages. Missing packages are fetched into it.
    out : Path
        The folder of the archives, which are replaced only when all are complete.
    table : Path
        The provenance table.

    Raises
    ------
    NotMNISTError
        If a package or font is missing, has the wrong hash, or can't be rendered.
    """
    fonts = read_table(table)
    images = {}
    for _, rows in groupby(sorted(fonts, key=_package), key=_package):
        images |= _render_package(list(rows), packages)
    with ExitStack() as stack:
        for root, (splits, characters) in ARCHIVES.items():
            partial = stack.enter_context(replacing(out / f"{root}.tar.gz"))
            rows = [row for row in fonts if row.split in splits]
            write_archive(partial, root, _glyphs(rows, characters, images))
            print(f"{root}.tar.gz: sha256 {sha256(partial)}, sha256 of its tar {hash_tar(partial)}")


def _package(row: Font) -> tuple[str, str, str]:
    return row.package, row.version, row.package_sha256


def _render_package(rows: list[Font], packages: Path) -> dict[str, np.ndarray]:
    path = fetch(*_package(rows[0]), packages)
    contents = read_fonts(path, {row.path for row in rows})
    images = {}
    for row in rows:
        content = contents[row.path]
        found = hashlib.sha256(content).hexdigest()
        if found != row.font_sha256:
            raise NotMNISTError(
                f"{path}: {row.path} has sha256 {found}, but the table says {row.font_sha256}; "
                "check the table"
            )
        try:
            images[row.font] = render(content, row.characters, setting=row.setting)
            style = read_style(content, row.setting)
        except ValueError as error:
            raise NotMNISTError(f"{path}: {row.path}: {error}; remove it from the table") from error
        if style != row.style:
            raise NotMNISTError(f"{path}: {row.path} states {style}; correct the table")
    return images


def _glyphs(
    fonts: list[Font], characters: str, images: dict[str, np.ndarray]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (character, font name, image) by character, then by font name."""
    for character in characters:
        for row in sorted(fonts):
            if character in row.characters:
                yield character, row.font, images[row.font][row.characters.index(character)]
