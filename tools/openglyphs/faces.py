"""Open fonts with FreeType: their tables, and the axes of variable fonts."""

import ctypes
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import freetype.raw as ft


class Face(NamedTuple):
    """Hold FreeType's handles of an open font."""

    library: ft.FT_Library
    face: ft.FT_Face


class Axis(NamedTuple):
    """Describe one axis of a variable font, in the axis's own unit."""

    tag: str
    minimum: float
    default: float
    maximum: float


@contextmanager
def opened(font: bytes, setting: Mapping[str, float] | None = None) -> Iterator[Face]:
    """Open a font for as long as the context lasts.

    Parameters
    ----------
    font : bytes
        The content of a font file, in any format that FreeType can read.
    setting : mapping of str to float, optional
        The value of every axis of a variable font by its tag. Default: as the font is drawn.

    Yields
    ------
    Face
        The open font.

    Raises
    ------
    ValueError
        If the font can't be parsed, or its axes are others than those of the setting.
    """
    library, face = ft.FT_Library(), ft.FT_Face()
    check(ft.FT_Init_FreeType(ctypes.byref(library)), "FreeType can't be initialised")
    try:
        opening = ft.FT_New_Memory_Face(library, font, len(font), 0, ctypes.byref(face))
        check(opening, "not a font that FreeType can read")
        if setting:
            _set(face, setting)
        yield Face(library, face)
    finally:
        ft.FT_Done_FreeType(library)


def _set(face: ft.FT_Face, setting: Mapping[str, float]) -> None:
    tags = [axis.tag for axis in axes(face)]
    check(set(tags) != set(setting), f"its axes are {' '.join(tags) or 'none'}")
    values = (ft.FT_Fixed * len(tags))(*(round(setting[tag] * 65536) for tag in tags))
    check(ft.FT_Set_Var_Design_Coordinates(face, len(tags), values), "the axes can't be set")


def axes(face: ft.FT_Face) -> list[Axis]:
    """List the axes of an open font in its own order: none if it is no variable font."""
    found = ctypes.POINTER(ft.FT_MM_Var)()
    if ft.FT_Get_MM_Var(face, ctypes.byref(found)):
        return []
    return [_axis(found.contents.axis[number]) for number in range(found.contents.num_axis)]


def _axis(axis: ft.FT_Var_Axis) -> Axis:
    tag = struct.pack(">I", axis.tag).decode("ascii")
    return Axis(tag, *(value / 65536 for value in (axis.minimum, axis.default, axis.maximum)))


def table(face: ft.FT_Face, tag: bytes) -> bytes:
    """Return a table of an open font, or nothing if the font lacks it."""
    length = ft.FT_ULong(0)
    wanted = ft.FT_ULong(int.from_bytes(tag, "big"))
    if ft.FT_Load_Sfnt_Table(face, wanted, 0, None, ctypes.byref(length)):
        return b""
    content = ctypes.create_string_buffer(length.value)
    ft.FT_Load_Sfnt_Table(face, wanted, 0, content, ctypes.byref(length))
    return content.raw


def check(failed: int, message: str) -> None:
    """Raise a ValueError with a message if FreeType, or a condition, reports a failure."""
    if failed:
        raise ValueError(message)
