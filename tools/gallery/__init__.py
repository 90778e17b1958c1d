"""Build a static site of the notebooks, the results, the glyphs and the docstrings.

For maintainers, from a checkout, with the extra `docs` installed (nbconvert and pdoc):

    python -m tools.gallery site

The folder holds all that its pages need: it opens from the disk, and any host of files can serve
it. Its pictures are those of OpenGlyphs and of the committed curves, never genuine ones.
"""
