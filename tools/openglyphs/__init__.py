"""Render OpenGlyphs: the letters A to J of openly licensed fonts, in notMNIST's own form.

For maintainers, with the extra `glyphs` installed (FreeType's bindings):

    python -m tools.openglyphs build --packages FOLDER --out FOLDER
    python -m tools.openglyphs expand --count 529119 --out openglyphs_expanded.tar.gz

`build` makes the embedded archives. Its input is the provenance table (the keep-list: one row a
font, with its package, hashes, licence, split and the letters taken) and the packages named there.
`expand` makes a training archive of any size out of varied images of the training fonts.

How fonts came into the table:

- All ten letters have outlines, and their images differ.
- The licence is free, leaves pictures made with the font free (the GPL only with a font
  exception, no Creative Commons BY or BY-SA), and is shown where the table says.
- A family is one design: names lose their style words, and families with near-twins (root mean
  square distance of A to J under 15 of 255) are one. At most six fonts a family are taken,
  farthest first, none nearer than 8 to another.
- Symbols, other scripts and letters that can't be named at 28x28 were thrown out by eye; they
  stand in `openglyphs/rejected.csv` with the reason.
- An image stands once in the whole set: a repeat is kept in test rather than validation rather
  than training, and what stands under two letters is dropped. The solid white I is the exception:
  it recurs, as in notMNIST, but in training alone.
"""
