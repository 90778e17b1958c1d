"""Read the provenance table of OpenGlyphs: the origin and the split of every font."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from notmnist import sources, splits
from notmnist.sources import SPLITS
from tools.readme.tables import markdown

TABLE = sources.OPENGLYPHS_LARGE.path.with_name("provenance.csv")


class Font(NamedTuple):
    """Hold a row of the provenance table."""

    font: str
    family: str
    package: str
    version: str
    package_sha256: str
    path: str
    font_sha256: str
    licence: str
    copyright: str
    licence_source: str
    split: str
    letters: str


def read_table(path: Path = TABLE) -> list[Font]:
    """Read a provenance table with all its columns; see `splits.read_provenance`."""
    return [Font(**row) for row in splits.read_provenance(path, Font._fields)]


def split_of(family: str) -> str:
    """Return the split of a family, which depends only on its name.

    The first four bytes of the sha256 of the name (in UTF-8) are taken as a big-endian number
    modulo 20: 0 to 2 is test, 3 and 4 is valid, the rest is train.
    """
    bucket = splits.bucket(family.encode(), 20)
    return "test" if bucket < 3 else "valid" if bucket < 5 else "train"


def count_table() -> str:
    """Count the fonts, families and glyphs of the embedded dataset by split and licence.

    Returns
    -------
    str
        Two Markdown tables. Licences with fewer than ten fonts are counted together.
    """
    fonts = read_table()
    counts = [("split", "fonts", "families", "glyphs")]
    for split in (*SPLITS, "all"):
        rows = [font for font in fonts if split in (font.split, "all")]
        glyphs = sum(len(font.letters) for font in rows)
        families = len({font.family for font in rows})
        counts.append((split, f"{len(rows):,}", f"{families:,}", f"{glyphs:,}"))
    licences = Counter(font.licence for font in fonts).most_common()
    common = [(licence, f"{count:,}") for licence, count in licences if count >= 10]
    rare = [count for _, count in licences if count < 10]
    others = (f"{len(rare)} others, fewer than ten fonts each", f"{sum(rare):,}")
    return f"{markdown(counts)}\n\n{markdown([('licence', 'fonts'), *common, others])}"
