"""Build a static site of the notebooks, the results, the glyphs and the docstrings.

For maintainers, from a checkout, with the extra `docs` installed (nbconvert and pdoc):

    python -m tools.gallery site

The folder contains everything that its pages need, so that you can open it from the disk or put it
on any static host. It shows OpenGlyphs and the committed curves, never genuine images.
"""
