"""Draw pictures of single letters by other means than the datasets', and show what is said of them.

Matplotlib's fonts draw them. Their families are in the training split of OpenGlyphs, so what counts
here is how a picture was made, and not whether the network knows its font.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from notmnist import cli
from notmnist.results import TESTS
from tools.readme.tables import escaped, markdown


def draw(
    letter: str,
    size: int = 200,
    font: str = "DejaVuSans.ttf",
    ink: int = 0,
    ground: int = 255,
    margin: float = 0.3,
) -> Image.Image:
    """Draw a letter with a margin, both in grey.

    Parameters
    ----------
    letter : str
        Any character that the font has.
    size : int
        Pixels per em.
    font : str
        One of Matplotlib's font files.
    ink, ground : int
        Grey levels of the letter and of its background.
    margin : float
        On every side, in ems.

    Returns
    -------
    Image
        In mode L.
    """
    from matplotlib import get_data_path  # the pages' other tables need no Matplotlib

    drawn = ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", font)), size)
    left, top, right, bottom = drawn.getbbox(letter)
    space = round(margin * size) + 1
    picture = Image.new("L", (right - left + 2 * space, bottom - top + 2 * space), ground)
    ImageDraw.Draw(picture).text((space - left, space - top), letter, ink, drawn)
    return picture


def photographed(picture: Image.Image) -> Image.Image:
    """Blur a picture and add noise, as a camera does in poor light."""
    blurred = picture.filter(ImageFilter.GaussianBlur(3))
    noise = np.random.default_rng(0).normal(0, 12, (picture.height, picture.width))
    return Image.fromarray((np.asarray(blurred) + noise).clip(0, 255).astype(np.uint8))


def transparent(picture: Image.Image, ink: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """Draw in one colour, with the letter in the transparency alone."""
    whole = Image.new("RGB", picture.size, ink)
    whole.putalpha(Image.eval(picture, lambda level: 255 - level))
    return whole


def with_round_corners(picture: Image.Image) -> Image.Image:
    """Cut off the corners, as screenshots of windows have them."""
    mask = Image.new("L", picture.size, 0)
    box = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, picture.height // 8, fill=255)
    cut = picture.convert("RGB")
    cut.putalpha(mask)
    return cut


# For each file: what it is a picture of, and how it is made.
PICTURES: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "page.png": (
        "A as a word processor shows it, black on white", lambda: draw("A", font="DejaVuSerif.ttf")
    ),
    "window.png": (
        "B in a screenshot whose corners are transparent", lambda: with_round_corners(draw("B"))
    ),
    "small.png": ("C, 24 pixels high", lambda: draw("C", 24)),
    "scan.png": (
        "D of a typewriter in an inverted scan",
        lambda: ImageOps.invert(photographed(draw("D", font="cmtt10.ttf"))),
    ),
    "photo.jpg": ("E in a blurred photograph with noise", lambda: photographed(draw("E"))),
    "pale.png": ("F in grey on a slightly lighter grey", lambda: draw("F", ink=150, ground=190)),
    "poster.png": (
        "G in gold on navy blue",
        lambda: ImageOps.colorize(draw("G", font="DejaVuSans-Bold.ttf"), "gold", "navy"),
    ),
    "logo.webp": ("H in white on nothing", lambda: transparent(draw("H"), (255, 255, 255))),
    "fax.tif": (
        "I in black and white alone", lambda: draw("I", 60, font="cmr10.ttf").convert("1")
    ),
    "margin.gif": ("J in the midst of a large page", lambda: draw("J", 60, margin=5)),
    "king.png": ("K, which is none of the ten letters", lambda: draw("K")),
    "seven.png": ("7, which is no letter", lambda: draw("7")),
}  # fmt: skip


def said(names: Sequence[str]) -> list[str]:
    """Draw some of `PICTURES`, and return the lines that ``notmnist predict`` prints."""
    printed = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(printed),
    ):
        for name in names:
            _, make = PICTURES[name]
            make().save(name)
        cli.main(["predict", "--debug", *names])  # so that a missing network is raised
    return printed.getvalue().splitlines()


def example() -> str:
    """Show the command and its output for three of the pictures."""
    names = ["scan.png", "photo.jpg", "king.png"]
    lines = [f"$ notmnist predict {' '.join(names)}", *said(names)]
    return "\n".join(("```console", *lines, "```"))


def pictures_table() -> str:
    """Tabulate all of the pictures, and what the network says of each."""
    rows = [["file", "what it shows", "what is said"]]
    for line in said(list(PICTURES)):
        name, _, answer = line.partition(" ")
        rows.append([f"`{name}`", PICTURES[name][0], f"`{' '.join(answer.split())}`"])
    return markdown(rows, text_columns=3)


def network_table(card: Mapping[str, Any]) -> str:
    """Tabulate what the trained network's card says of its accuracy, doubt and weaknesses."""
    rows = [["what the card says", ""]]
    for test, score in card["tests"].items():
        low, high = score["interval"]
        interval = f"{np.mean(score['accuracy']):.1%} [{low:.1%}, {high:.1%}]"
        rows.append([f"accuracy on {TESTS[test]}, n = {score['n']:,}", interval])
    rows += [
        ["doubts where the likeliest letter is less likely than", f"{card['doubt_below']:.1%}"],
        *([f"share of {kind} that it doubts", f"{of:.1%}"] for kind, of in card["doubted"].items()),
        ["is bad at", escaped("; ".join(card["weak_at"]))],
        ["how it was trained", escaped(card["training"])],
    ]
    return markdown(rows, text_columns=2)
