"""Render OpenGlyphs: the letters A to J of openly licensed fonts, in the format of notMNIST.

For maintainers, with the extra `openglyphs` installed (FreeType's bindings):

    python -m tools.openglyphs build --packages FOLDER --out FOLDER
    python -m tools.openglyphs expand --count 529119 --out openglyphs_expanded.tar.gz

`build` makes the embedded archives from the provenance table (one row per font, with its package,
hashes, licence, split and letters) and the packages that it names. `expand` makes a training
archive of any size from varied images of the training fonts.

The fonts in the table meet these conditions:

- All ten letters have outlines, and their images differ.
- The licence is free and leaves pictures made with the font free (the GPL only with a font
  exception, and no Creative Commons BY or BY-SA). The table says where the licence is stated.
- A family is one design: style words are removed from its name, and families with almost equal
  fonts (root mean square distance of A to J under 15 of 255) are merged. At most six fonts per
  family are taken, the most different first, and no two of them are closer than 8.
- Symbols, other scripts and illegible letters were rejected by eye; `openglyphs/rejected.csv` lists
  them with the reasons.
- Every image occurs once in the whole set: of repeats, one in test is kept before one in
  validation, and one in validation before one in training; an image with two labels is dropped.
  The exception is the solid white I, which is repeated as in notMNIST, but in training alone.
"""
