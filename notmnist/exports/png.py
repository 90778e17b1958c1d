"""Encode images as PNG files."""

import io

import numpy as np


def encode(image: np.ndarray) -> bytes:
    """Encode a uint8 image as an 8-bit greyscale PNG file."""
    from PIL import Image  # `import notmnist` stays light

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
