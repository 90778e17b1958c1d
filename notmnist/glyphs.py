"""Load the embedded glyphs beside OpenGlyphs: other characters, and small letters for training."""

from typing import NamedTuple

import numpy as np

from notmnist import sources, splits
from notmnist.archives import extraction, png
from notmnist.archives.members import font_name, font_text
from notmnist.errors import NotMNISTError


class Glyphs(NamedTuple):
    """Hold glyphs that are no part of the dataset, row by row.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey levels, ink 255 on 0, rendered as the letters A to J are.
    characters : ndarray of str, shape (N,)
        What each image shows.
    fonts : ndarray of str, shape (N,)
        The names of the fonts, at most one of each family.
    families : ndarray of str, shape (N,)
        The families of the fonts, as a split of ``load("openglyphs")`` names them.
    """

    images: np.ndarray
    characters: np.ndarray
    fonts: np.ndarray
    families: np.ndarray


def unknown_glyphs() -> Glyphs:
    """Load K to Z and the digits of OpenGlyphs' test families, to try what a model makes of them.

    No image is also one of a letter A to J, or looks like one of its font's.

    Returns
    -------
    Glyphs
        Ordered by character, then by font.

    Raises
    ------
    NotMNISTError
        When the archive or the provenance table is missing or damaged.
    """
    return _read(sources.OPENGLYPHS_UNKNOWN)


def lowercase_glyphs() -> Glyphs:
    """Load the small letters a to j of OpenGlyphs' training families, as further training images.

    The label of a small letter is ``sources.LETTERS.index(character.upper())``. None looks like a
    capital of its font, and no image is one of the dataset or of the unknown glyphs.

    Returns
    -------
    Glyphs
        Ordered by character, then by font.

    Raises
    ------
    NotMNISTError
        When the archive or the provenance table is missing or damaged.
    """
    return _read(sources.OPENGLYPHS_LOWERCASE)


def _read(archive: sources.Archive) -> Glyphs:
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
    return Glyphs(images, characters, np.array(fonts), np.array(families))
