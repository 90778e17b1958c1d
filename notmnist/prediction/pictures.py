"""Read a picture of one letter, and bring it to the form that the datasets have.

The background is what most of the picture's edge shows, and ink is what differs from it, darker or
brighter. The letter's bounding box is cut out and stretched over 28 x 28 pixels, as in notMNIST.
"""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from notmnist.errors import NotMNISTError, printable
from notmnist.sources import IMAGE_SIZE

_MOST_PIXELS = 50_000_000  # more than any telephone's camera gives by default
_LONGEST_SIDE = 1_000  # larger pictures are reduced first: a letter needs no more
_LEAST_CONTRAST = 16  # grey levels of 255, below which a picture is empty
_FAINT = 0.3  # of the strongest ink: what is fainter is not part of the letter's box
_SPECK = 0.01  # of the largest piece of ink: what is smaller is dirt
_BY_OTHER_PROGRAMS = {"EPS", "WMF"}  # Pillow would start a program to draw them
_WITH_LESSER_FRAMES = {"MPO", "PSD"}  # the first frame is the picture: photographs, layers


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Read a picture of one letter as an image in the datasets' form.

    Parameters
    ----------
    path : path
        A file in any format that Pillow reads: any size up to 50 million pixels, grey or coloured,
        dark on light or light on dark, perhaps transparent, with a margin around the letter. A grey
        picture of 28 x 28 pixels is taken to have the form already, and stays as it is: save a
        small letter with a margin, or of dark ink, larger than that.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        Ink 255 on 0, stretched to fill the image.

    Raises
    ------
    NotMNISTError
        When the file can't be read as a picture, is too large, is animated or shows nothing.
    """
    name = printable(str(path))
    with _opened(path, name) as image:
        grey = _grey(image, name)
        as_is = image.mode == "L" and image.size == (IMAGE_SIZE, IMAGE_SIZE)
    if np.ptp(grey) < _LEAST_CONTRAST:
        raise NotMNISTError(f"{name} is empty: give a picture on which a letter stands out")
    return grey.astype(np.uint8) if as_is else _stretched(_ink(grey))


@contextmanager
def _opened(path: str | os.PathLike, name: str) -> Iterator[Image.Image]:
    """Open a picture, and turn whatever Pillow raises until it is closed into one line."""
    try:
        _refuse_kind(os.stat(path).st_mode, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bomb that is only warned of is refused below
            with Image.open(path) as image:
                _refuse(image, name)
                yield image
    except NotMNISTError:
        raise
    except UnidentifiedImageError as error:
        raise NotMNISTError(f"{name} is not a picture that Pillow can read") from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except Exception as error:  # a damaged file makes Pillow raise many kinds
        reason = getattr(error, "strerror", None) or error
        raise NotMNISTError(f"cannot read {name} as a picture ({reason!s:.200})") from error


def _refuse_kind(mode: int, name: str) -> None:
    """Refuse what is no regular file: whoever opens a pipe waits until somebody writes to it."""
    if stat.S_ISDIR(mode):
        raise NotMNISTError(f"{name} is a folder: give the pictures in it")
    if not stat.S_ISREG(mode):
        raise NotMNISTError(f"{name} is a pipe, a socket or a device: save the picture as a file")


def _refuse(image: Image.Image, name: str) -> None:
    """Refuse a picture by its header alone."""
    if image.width * image.height > _MOST_PIXELS:
        raise _too_large(name)
    if image.format in _BY_OTHER_PROGRAMS:
        raise NotMNISTError(f"{name} is a drawing in {image.format}: convert it to PNG")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in _WITH_LESSER_FRAMES:
        raise NotMNISTError(f"{name} holds {frames} pictures: give one of them as a file")


def _too_large(name: str) -> NotMNISTError:
    return NotMNISTError(
        f"{name} has more than {_MOST_PIXELS // 1_000_000} million pixels: give a smaller picture"
    )


def _grey(image: Image.Image, name: str) -> np.ndarray:
    """Return the brightness of every pixel, 0 to 255, as float32, in a reduced size if large."""
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image, np.float32)
        if not np.isfinite(levels).all():
            raise NotMNISTError(f"{name} has pixels that are not numbers: give another picture")
        span = np.ptp(levels) or 1.0
        return np.asarray(_reduced(Image.fromarray(255 * ((levels - levels.min()) / span))))
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return np.asarray(_reduced(upright.convert("RGB").convert("L")), np.float32)
    pixels = np.asarray(_reduced(upright.convert("RGBA")).convert("LA"), np.float32)
    return _on_ground(pixels[..., 0], pixels[..., 1] / 255, name)


def _reduced(image: Image.Image) -> Image.Image:
    return image.reduce(-(-max(image.size) // _LONGEST_SIDE))


def _on_ground(grey: np.ndarray, cover: np.ndarray, name: str) -> np.ndarray:
    """Put a transparent picture on the background that it seems to be made for.

    If most of its edge is opaque, this is the edge's own colour. Otherwise it is black or white,
    whichever is farther from what the picture shows.
    """
    if not cover.any():
        raise NotMNISTError(f"{name} is wholly transparent: give a picture that shows a letter")
    opaque = _edge(grey)[_edge(cover) > 0.5]
    if 2 * len(opaque) > len(_edge(cover)):
        ground = float(np.median(opaque))
    else:
        ground = 255.0 if np.average(grey, weights=cover) < 127.5 else 0.0
    return cover * grey + (1 - cover) * ground


def _edge(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def _ink(grey: np.ndarray) -> np.ndarray:
    """Return how much every pixel differs from the background towards the ink, 0 to 1."""
    difference = grey - np.median(_edge(grey))
    if -difference.min() > difference.max():
        difference = -difference
    return np.clip(difference / difference.max(), 0, 1)


def _stretched(ink: np.ndarray) -> np.ndarray:
    """Cut out the letter's bounding box and stretch it over the whole image."""
    rows, columns = np.nonzero(_without_specks(ink > _FAINT))
    letter = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    # The resampling averages over all pixels that one of the new ones covers.
    small = Image.fromarray(letter).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.HAMMING)
    levels = np.clip(np.asarray(small), 0, None)
    return np.round(255 * levels / levels.max()).astype(np.uint8)


def _without_specks(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label  # takes a tenth of a second: `import notmnist` stays light

    pieces, _ = label(mask, np.ones((3, 3)))
    sizes = np.bincount(pieces[mask])
    return mask & (sizes >= _SPECK * sizes.max())[pieces]
