"""Put letters on or into shapes: boxes, discs, diamonds, keycaps."""

from notmnist.augmentation.geometry import COLUMNS, LAST, inset
from notmnist.augmentation.pixels import draw, thin
from notmnist.sources import IMAGE_SIZE
from notmnist.training import tf


def invert(images: tf.Tensor) -> tf.Tensor:
    """Draw the letter dark on a bright shape that fills the box, from a disc to a square."""
    images = inset(images, 2.0, 6.0)
    return tf.minimum(_superellipse(images, 0.7, 4.0), -images)


def enclose(images: tf.Tensor) -> tf.Tensor:
    """Draw the letter small inside a shape: dark on a bright one, or bright within its outline."""
    images = inset(images, 5.0, 9.0)
    shape = _superellipse(images, 0.0, 3.0)
    outlined = tf.maximum(images, tf.minimum(shape, -thin(shape)))
    return tf.where(draw(images, 0.0, 1.0) < 0.5, tf.minimum(shape, -images), outlined)


def _superellipse(images: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw ``|x|^p + |y|^p <= 1`` bright, with ln p from low to high.

    It is a diamond for p = 1, a disc for 2 and nearly a square for 50.
    """
    power = tf.exp(draw(images, low, high))
    offset = tf.abs(COLUMNS - LAST / 2) / (IMAGE_SIZE / 2)
    radius = (offset**power + offset[:, None] ** power) ** (1.0 / power)
    return tf.clip_by_value((1.0 - radius) * IMAGE_SIZE, -1.0, 1.0)
