"""Change how the strokes of scaled images are drawn, or add one."""

from notmnist.augmentation.geometry import COLUMNS, LAST, inset, refill
from notmnist.augmentation.pixels import (
    brighten,
    draw,
    mean_ink,
    neighbours,
    thicken,
    thin,
    uniform,
)
from notmnist.sources import IMAGE_SIZE
from notmnist.training import tf

_POINTS = 24  # of a swash: they are two pixels apart where it is longest


def weigh(images: tf.Tensor) -> tf.Tensor:
    """Thicken or thin strokes by up to a pixel on either side, separately along each axis.

    The more ink thinning would remove, the weaker it is, so that hairlines remain.
    """
    common = draw(images, -0.8, 0.8)
    for axis in (1, 2):
        amount = tf.clip_by_value(common + draw(images, -0.7, 0.7), -1.0, 1.0)
        before, after = neighbours(images, axis)
        bolder = tf.maximum(images, tf.maximum(before, after))
        lighter = tf.minimum(images, tf.minimum(before, after))
        left_over = mean_ink(lighter) / (mean_ink(images) + 1e-6)
        images += tf.where(
            amount > 0, amount * (bolder - images), amount * left_over * (images - lighter)
        )
    return images


def outline(images: tf.Tensor) -> tf.Tensor:
    """Keep only the outline of the ink, one to two pixels wide."""
    images = inset(images, 0.0, 2.0)
    outer = images + draw(images, 0.0, 1.0) * (thicken(images) - images)
    return brighten(tf.minimum(outer, -thin(images)))


def shadow(images: tf.Tensor) -> tf.Tensor:
    """Draw a shadow two pixels down and to the right, behind the letter or instead of it."""
    images = inset(images, 1.5, 3.0)
    shifted = tf.pad(images, [[0, 0], [2, 0], [2, 0]], constant_values=-1.0)[:, :-2, :-2]
    behind = tf.maximum(images, tf.minimum(shifted, -thicken(images)))
    alone = brighten(tf.minimum(shifted, -images))
    return tf.where(draw(images, 0.0, 1.0) < 0.6, behind, alone)


def stripe(images: tf.Tensor) -> tf.Tensor:
    """Cut the ink with horizontal or vertical dark lines, three to eight pixels apart."""
    phase = COLUMNS / draw(images, 3.0, 8.0) + draw(images, 0.0, 1.0)
    lines = tf.clip_by_value(4.0 * tf.cos(6.2832 * phase) + draw(images, 1.0, 4.0), -1.0, 1.0)
    upright = draw(images, 0.0, 1.0) < 0.5
    return tf.minimum(images, tf.where(upright, lines, tf.transpose(lines, (0, 2, 1))))


def roughen(images: tf.Tensor) -> tf.Tensor:
    """Blur ink and noise together, then sharpen them, which gives soft or ragged edges."""
    gain = draw(images, 0.8, 4.0)
    noise = 2.0 * uniform(tf.shape(images)) - 1.0
    images += 0.5 * (gain - 0.8) * draw(images, 0.0, 1.0) * noise
    for axis in (1, 2):
        before, after = neighbours(images, axis)
        images = 0.25 * before + 0.5 * images + 0.25 * after
    return tf.clip_by_value(gain * images, -1.0, 1.0)


def close(images: tf.Tensor) -> tf.Tensor:
    """Fill counters that are narrower than five or nine pixels, open or enclosed.

    This is a morphological closing: the ink is widened, then narrowed by as much.
    """
    little, much = (_closing(images, size) for size in (5, 9))
    return tf.where(draw(images, 0.0, 1.0) < 0.5, little, much)


def _closing(images: tf.Tensor, size: int) -> tf.Tensor:
    margin = [[0, 0], [size, size], [size, size]]
    padded = tf.pad(images, margin, constant_values=-1.0)[..., None]
    wide = tf.nn.max_pool2d(padded, size, 1, "SAME")
    closed = -tf.nn.max_pool2d(-wide, size, 1, "SAME")
    return closed[:, size:-size, size:-size, 0]


def swash(images: tf.Tensor) -> tf.Tensor:
    """Draw a curved stroke from a random point of the ink to any point of the box.

    The letter shrinks by up to eight pixels on every side to make room for it. The stroke is a
    quadratic Bezier curve.
    """
    images = inset(images, 0.0, 8.0)
    start = _some_ink(images)
    bow, end = (LAST * uniform((tf.shape(images)[0], 2)) for _ in range(2))
    t = tf.linspace(0.0, 1.0, _POINTS)[:, None]
    curve = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * bow[:, None] + t**2 * end[:, None]
    row, column = tf.unstack(curve[:, None, None], axis=-1)
    squares = (COLUMNS[:, None, None] - row) ** 2 + (COLUMNS[None, :, None] - column) ** 2
    distance = tf.sqrt(tf.reduce_min(squares, axis=-1))
    stroke = tf.clip_by_value(2.0 * (draw(images, 0.5, 2.0) - distance), -1.0, 1.0)
    return refill(tf.maximum(images, stroke))


def _some_ink(images: tf.Tensor) -> tf.Tensor:
    """Choose a random pixel of every image, of ink where there is any: row and column, (N, 2)."""
    chances = tf.where(images > 0.0, uniform(tf.shape(images)), -1.0)
    pixel = tf.argmax(tf.reshape(chances, (-1, IMAGE_SIZE * IMAGE_SIZE)), axis=1)
    return tf.cast(tf.stack([pixel // IMAGE_SIZE, pixel % IMAGE_SIZE], axis=1), tf.float32)
