"""Render OpenGlyphs: the letters A to J of openly licensed fonts, in the format of notMNIST.

For maintainers, with the extra `openglyphs` installed (FreeType's bindings):

    python -m tools.openglyphs build --packages FOLDER --out FOLDER
    python -m tools.openglyphs expand --count 529119 --out openglyphs_expanded.tar.gz

`build` makes the embedded archives from the provenance table (one row per font or instance of a
variable font, with its style, package, hashes, licence, split and characters) and the packages that
it names. `expand` makes a training archive of any size from varied images of the training fonts.

The fonts in the table meet these conditions:

- All ten letters have outlines, and their images differ.
- The licence is free and leaves pictures made with the font free (the GPL only with a font
  exception, and no Creative Commons BY or BY-SA). The table says where the licence is stated.
- A family is one design: style words are removed from its name, and families with almost equal
  fonts (root mean square distance of A to J under 15 of 255) are merged. Version 1.0 took at most
  six fonts of a family, the most different first, no two of them closer than 8. Version 1.1 kept
  them and added others, up to 28 of a training family, at a distance of at least 12 from all before
  them (`selection.select`); among these are instances of variable fonts at settings drawn at random
  (`selection.draw_settings`). Validation and test families still have six at most, because the
  images of large families would outweigh the others. None of the fonts added to a family is closer
  than 15 to one that another family had.
- Symbols, other scripts and illegible letters were rejected by eye; `openglyphs/rejected.csv` lists
  them with the reasons.
- Every image occurs once in the whole set: of repeats, one of version 1.0 is kept before others,
  then one in test before one in validation, and one in validation before one in training; an image
  with two labels is dropped. Of the glyphs that version 1.1 added, near duplicates of a glyph in
  another split are dropped, too. The exception is the solid white I, which is repeated as in
  notMNIST, but in training alone.
- The unknown glyphs (K to Z and digits) are of one font of each test family: the first in the order
  of the hashes of their names that has them all and does not draw them as it draws A to J. A
  character that looks like a letter of its font (closer than 8), or repeats a glyph, is dropped.
- The small letters (a to j) are of one font of each training family: the first in the same order
  with any to take. A small letter that looks like a capital of its font (closer than 8), repeats a
  glyph of any archive, or is a near duplicate of a validation, test or unknown glyph, is not taken.
  Small letters that are drawn as capitals, or cannot be named, were rejected by eye, and are in
  `openglyphs/rejected.csv`, too.
"""
