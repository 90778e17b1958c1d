"""Read the provenance table of OpenGlyphs: the origin and the split of every font."""

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from notmnist import sources, splits
from notmnist.sources import SPLITS
from tools.readme.tables import markdown

TABLE = sources.OPENGLYPHS_LARGE.path.with_name("provenance.csv")
# Where several fit, the later one counts: an outlined serif face is engraved.
CATEGORIES = {
    "serif": "text faces with serifs, slabs among them",
    "sans": "text faces without serifs",
    "mono": "all letters equally wide: code, typewriters",
    "display": "solid letters of unusual shape, for titles",
    "handwriting": "informal hands: pen, pencil, marker, brush",
    "script": "formal and joined hands, calligraphy with swashes",
    "blackletter": "broken and other medieval hands",
    "unicase": "small letters, or uncials, in place of some capitals",
    "pixel": "drawn on a coarse grid",
    "stencil": "strokes with gaps",
    "engraved": "drawn by lines: outlines, inlines, shadows, double strokes",
    "decorative": "ornament, texture, damage, or letters inside things",
}


class Style(NamedTuple):
    """Hold what a font states about itself, as the provenance table writes it.

    Attributes
    ----------
    weight : str
        1 to 1000, where 400 is regular and 700 is bold; empty if the font states none.
    width : str
        Percent of the normal width; empty if the font states none.
    slant : str
        ``"italic"``, which includes oblique, or ``"upright"``.
    source : str
        Where the font states it.
    """

    weight: str
    width: str
    slant: str
    source: str


class Font(NamedTuple):
    """Hold a row of the provenance table."""

    font: str
    family: str
    category: str
    category_source: str
    weight: str
    width: str
    slant: str
    axes: str
    style_source: str
    package: str
    version: str
    package_sha256: str
    path: str
    font_sha256: str
    licence: str
    copyright: str
    licence_source: str
    since: str
    split: str
    letters: str
    unknown: str
    lowercase: str

    @property
    def style(self) -> Style:
        """Return what the font states about itself."""
        return Style(self.weight, self.width, self.slant, self.style_source)

    @property
    def characters(self) -> str:
        """Return all characters of the font that are in an archive."""
        return self.letters + self.unknown + self.lowercase

    @property
    def setting(self) -> dict[str, float]:
        """Return the value of every axis of a variable font; empty for other fonts."""
        pairs = (pair.split("=") for pair in self.axes.split())
        return {tag: float(value) for tag, value in pairs}


def font_name(package: str, path: str, number: int = 0) -> str:
    """Name a font of a package, so that no two fonts of the dataset have the same name.

    Parameters
    ----------
    package : str
        The package; of one of npm, only the scope counts, or names would be too long for a tar.
    path : str
        The font file's path inside the package.
    number : int
        The number of the instance of a variable font; 0 for other fonts and the font's default.
    """
    scope = package.partition("/")[0].removeprefix("@")
    name = f"{scope}--{PurePosixPath(path).name}"
    return f"{name}#{number}" if number else name


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
    """Count the fonts, families and glyphs of the embedded dataset for the data card.

    Returns
    -------
    str
        Three Markdown tables: by split, by category (with the fonts per split) and by licence.
        Licences with fewer than ten fonts are counted together.
    """
    fonts = read_table()
    counts = [("split", "fonts", "families", "glyphs")]
    for split in (*SPLITS, "all"):
        counts.append((split, *_count([font for font in fonts if split in (font.split, "all")])))
    kinds = [("category", "what it holds", *SPLITS, "fonts", "families", "glyphs")]
    for category, meaning in CATEGORIES.items():
        rows = [font for font in fonts if font.category == category]
        splits_of = Counter(font.split for font in rows)
        by_split = [f"{splits_of[split]:,}" for split in SPLITS]
        kinds.append((category, meaning, *by_split, *_count(rows)))
    licences = Counter(font.licence for font in fonts).most_common()
    common = [(licence, f"{count:,}") for licence, count in licences if count >= 10]
    rare = [count for _, count in licences if count < 10]
    others = (f"{len(rare)} others, fewer than ten fonts each", f"{sum(rare):,}")
    of_licences = markdown([("licence", "fonts"), *common, others])
    return f"{markdown(counts)}\n\n{markdown(kinds, text_columns=2)}\n\n{of_licences}"


def _count(fonts: list[Font]) -> tuple[str, str, str]:
    """Count fonts, families and glyphs."""
    families = {font.family for font in fonts}
    return f"{len(fonts):,}", f"{len(families):,}", f"{sum(len(f.letters) for f in fonts):,}"
