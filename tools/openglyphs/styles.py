"""Read the weight, width and slant that fonts state about themselves."""

import re
import struct
from collections.abc import Mapping

from tools.openglyphs.faces import opened, table
from tools.openglyphs.provenance import Style

# OS/2's width classes 1 to 9, in percent of the normal width, as OpenType defines them.
WIDTHS = dict(enumerate((50, 62.5, 75, 87.5, 100, 112.5, 125, 150, 200), 1))
# The words of Type 1 headers, on OS/2's scale.
WEIGHTS = {
    "Light": 300,
    "Book": 400,
    "Normal": 400,
    "Regular": 400,
    "Medium": 500,
    "Demi": 600,
    "Bold": 700,
    "Heavy": 900,
    "Black": 900,
}
ITALIC_BIT, OBLIQUE_BIT = 1, 512  # of OS/2's fsSelection
MAC_ITALIC_BIT = 2  # of head's macStyle
HEADER = 10_000  # the bytes of a Type 1 font that hold its header


def read_style(font: bytes, setting: Mapping[str, float]) -> Style:
    """Read the style that a font states.

    Many fonts state too little: nearly all decorated ones call themselves regular.

    Parameters
    ----------
    font : bytes
        The content of a font file.
    setting : mapping of str to float
        The value of every axis of a variable font; empty for other fonts. The axes of weight,
        width and slant take precedence over the tables.

    Raises
    ------
    ValueError
        If the font can't be parsed.
    """
    with opened(font) as (_, face):
        os2, head, post = (table(face, tag) for tag in (b"OS/2", b"head", b"post"))
    style = _of_tables(os2, head, post) if os2 else parse_header(font[:HEADER].decode("latin-1"))
    if not setting:
        return style
    leans = setting.get("slnt") or setting.get("ital")
    return Style(
        weight=f"{setting['wght']:g}" if "wght" in setting else style.weight,
        width=f"{setting['wdth']:g}" if "wdth" in setting else style.width,
        slant="italic" if leans else style.slant,
        source=f"axes, {style.source}",
    )


def _of_tables(os2: bytes, head: bytes, post: bytes) -> Style:
    weight, width = struct.unpack_from(">HH", os2, 4)
    (selection,) = struct.unpack_from(">H", os2, 62)
    (mac_style,) = struct.unpack_from(">H", head, 44)
    angle = any(post[4:8])
    leans = selection & (ITALIC_BIT | OBLIQUE_BIT) or mac_style & MAC_ITALIC_BIT or angle
    return Style(
        weight=str(weight) if 100 <= weight <= 1000 else "",
        width=f"{WIDTHS[width]:g}" if width in WIDTHS else "",
        slant="italic" if leans else "upright",
        source="OS/2, head, post",
    )


def parse_header(header: str) -> Style:
    """Read the style that the header of a Type 1 font states."""
    stated = re.search(r"/Weight\s*\((\w*)\)", header)
    words = re.findall(r"[A-Z][a-z]*", stated[1]) if stated else []
    angle = re.search(r"/ItalicAngle\s*(-?[\d.]+)", header)
    leans = "Oblique" in words or (angle and float(angle[1]))
    return Style(
        weight=next((str(WEIGHTS[word]) for word in words if word in WEIGHTS), ""),
        width="",
        slant="italic" if leans else "upright",
        source="Type 1 header",
    )
