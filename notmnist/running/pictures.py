"""The pictures in an executed notebook, made smaller."""

import base64
import io

from PIL import Image

_COLORS = 128


def with_palette(picture: str) -> str:
    """Store a picture with a palette, so that executed notebooks stay small enough to commit.

    Parameters
    ----------
    picture : str
        A PNG image in base64.

    Returns
    -------
    str
        The same picture on a white page in at most 128 colours: of a figure that matplotlib draws
        it keeps what can be seen, and about a third of the bytes.
    """
    with Image.open(io.BytesIO(base64.b64decode(picture))) as opened:
        page = Image.new("RGBA", opened.size, "white")
        page.alpha_composite(opened.convert("RGBA"))
    written = io.BytesIO()
    page.convert("RGB").quantize(_COLORS).save(written, "png", optimize=True)
    return base64.b64encode(written.getvalue()).decode() + "\n"
