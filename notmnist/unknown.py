"""Load glyphs that are none of the letters A to J, to see what a model makes of them."""

from typing import NamedTuple

import numpy as np

from notmnist import sources, splits
from notmnist.archives import extraction, png
from notmnist.archives.members import font_name, font_text
from notmnist.errors import NotMNISTError


class UnknownGlyphs(NamedTuple):
    """Hold the letters K to Z and the digits of OpenGlyphs' test families, row by row.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey levels, ink 255 on 0, rendered as the letters A to J are.
    characters : ndarray of str, shape (N,)
        K to Z and 0 to 9.
    fonts : ndarray of str, shape (N,)
        The names of the fonts, at most one of each family.
    families : ndarray of str, shape (N,)
        The families of the fonts, as in ``load("openglyphs").test.families``.
    """

    images: np.ndarray
    characters: np.ndarray
    fonts: np.ndarray
    families: np.ndarray


def unknown_glyphs() -> UnknownGlyphs:
    """Load the embedded archive of unknown glyphs, ordered by character, then by font.

    No image is also one of a letter A to J, or looks like one of its font's.

    Returns
    -------
    UnknownGlyphs
        Images, characters, fonts and families.

    Raises
    ------
    NotMNISTError
        When the archive or the provenance table is missing or damaged.
    """
    archive = sources.OPENGLYPHS_UNKNOWN
    path = sources.EMBEDDED / archive.filename
    reader = extraction.open_reader(path)
    members = list(reader.members(lambda name: True))
    if reader.sha256 != archive.sha256:
        raise NotMNISTError(f"{path} is damaged: install notmnist again")
    images, _ = png.decode([content for _, content in members])
    places = [name.removesuffix(b".png").split(b"/")[1:] for name, _ in members]
    fonts = [font_text(font_name(stem)) for _, stem in places]
    families = splits.families(fonts, path.with_name("provenance.csv"))
    characters = np.array([character.decode() for character, _ in places])
    return UnknownGlyphs(images, characters, np.array(fonts), np.array(families))
