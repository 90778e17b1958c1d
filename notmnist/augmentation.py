"""Vary training images as fonts vary: slant, weight, outlines, shadows, inverse boxes, rough edges.

The changes run inside the graph on a batch of scaled images, with new random numbers at every step.
Each of them preserves the letter, and those that move its ink stretch it to fill the box again, as
in notMNIST. All random numbers come from TensorFlow's global generator, which `training.set_seed`
seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

from notmnist.sources import IMAGE_SIZE
from notmnist.training import tf

_LAST = IMAGE_SIZE - 1
_COLUMNS = tf.range(IMAGE_SIZE, dtype=tf.float32)
_FAINT = -0.5  # brighter pixels count as ink when the extent of a letter is measured

Change = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Augmentation:
    """Apply each of several changes to a random share of every batch.

    The changes are applied in the order of the attributes. The rows are drawn separately for each
    change, so that some images are changed in several ways and others not at all. The default
    shares were chosen on OpenGlyphs, with validation families that were not used for training.

    Attributes
    ----------
    weight : float
        Share made bolder or lighter, horizontal and vertical strokes by different amounts.
    warp : float
        Share slanted, tilted and tapered, then stretched to fill the box.
    outline : float
        Share drawn as outline only.
    shadow : float
        Share with a drop shadow, or with the shadow alone.
    inverse : float
        Share drawn dark on a bright square, rounded square or disc.
    stripes : float
        Share cut by dark lines.
    rough : float
        Share blurred, with edges that are soft or ragged.

    Raises
    ------
    ValueError
        When a share is not within 0 .. 1.
    """

    weight: float = 0.4
    warp: float = 0.6
    outline: float = 0.04
    shadow: float = 0.02
    inverse: float = 0.04
    stripes: float = 0.02
    rough: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values that are not shares."""
        for name, share in vars(self).items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share of the images, 0 to 1, not {share}")

    @tf.autograph.experimental.do_not_convert
    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Change some of the images in a batch.

        Parameters
        ----------
        images : tf.Tensor of float32, shape (N, 28, 28)
            Scaled to -1 .. 1, ink bright.

        Returns
        -------
        tf.Tensor of float32, shape (N, 28, 28)
            The images in the same order, unchanged if all shares are 0.
        """
        for field in fields(self):
            if share := getattr(self, field.name):
                images = _change_some(images, share, _CHANGES[field.name])
        return images


def _change_some(images: tf.Tensor, share: float, change: Change) -> tf.Tensor:
    """Change random rows whose expected number is exactly `share` of the batch."""
    count = tf.shape(images)[0]
    changed = tf.cast(share * tf.cast(count, tf.float32) + _uniform(()), tf.int32)
    rows = tf.argsort(_uniform((count,)))[:changed]
    return tf.tensor_scatter_nd_update(images, rows[:, None], change(tf.gather(images, rows)))


def _weigh(images: tf.Tensor) -> tf.Tensor:
    """Thicken or thin strokes by up to a pixel on either side, separately along each axis.

    The more ink thinning would remove, the weaker it is, so that hairlines remain.
    """
    common = _draw(images, -0.8, 0.8)
    for axis in (1, 2):
        amount = tf.clip_by_value(common + _draw(images, -0.7, 0.7), -1.0, 1.0)
        before, after = _neighbours(images, axis)
        bolder = tf.maximum(images, tf.maximum(before, after))
        lighter = tf.minimum(images, tf.minimum(before, after))
        left_over = _mean_ink(lighter) / (_mean_ink(images) + 1e-6)
        images += tf.where(
            amount > 0, amount * (bolder - images), amount * left_over * (images - lighter)
        )
    return images


def _warp(images: tf.Tensor) -> tf.Tensor:
    """Map every image by a random projection, then stretch its ink to fill most of the box."""
    slant, tilt = _draw(images, -0.5, 0.5), _draw(images, -0.2, 0.2)
    taper_x, taper_y = _draw(images, -0.006, 0.006), _draw(images, -0.006, 0.006)
    one, zero = tf.ones_like(slant), tf.zeros_like(slant)
    about_middle = [[1.0, 0.0, -_LAST / 2], [0.0, 1.0, -_LAST / 2], [0.0, 0.0, 1.0]]
    projection = _matrix([[one, slant, zero], [tilt, one, zero], [taper_x, taper_y, one]])
    return _fill(images, projection @ tf.constant(about_middle), _edges(images, -1.0, 1.5))


def _outline(images: tf.Tensor) -> tf.Tensor:
    """Keep only the outline of the ink, one to two pixels wide."""
    images = _inset(images, 0.0, 2.0)
    outer = images + _draw(images, 0.0, 1.0) * (_thicken(images) - images)
    return _brighten(tf.minimum(outer, -_thin(images)))


def _shadow(images: tf.Tensor) -> tf.Tensor:
    """Draw a shadow two pixels down and to the right, behind the letter or instead of it."""
    images = _inset(images, 1.5, 3.0)
    shifted = tf.pad(images, [[0, 0], [2, 0], [2, 0]], constant_values=-1.0)[:, :-2, :-2]
    behind = tf.maximum(images, tf.minimum(shifted, -_thicken(images)))
    alone = _brighten(tf.minimum(shifted, -images))
    return tf.where(_draw(images, 0.0, 1.0) < 0.6, behind, alone)


def _invert(images: tf.Tensor) -> tf.Tensor:
    """Draw the letter dark on a bright shape that fills the box."""
    images = _inset(images, 2.0, 6.0)
    power = tf.exp(_draw(images, 0.7, 4.0))  # 2 is a disc, 50 a square
    offset = tf.abs(_COLUMNS - _LAST / 2) / (IMAGE_SIZE / 2)
    radius = (offset**power + offset[:, None] ** power) ** (1.0 / power)
    shape = tf.clip_by_value((1.0 - radius) * IMAGE_SIZE, -1.0, 1.0)
    return tf.minimum(shape, -images)


def _stripe(images: tf.Tensor) -> tf.Tensor:
    """Cut the ink with horizontal or vertical dark lines, three to eight pixels apart."""
    phase = _COLUMNS / _draw(images, 3.0, 8.0) + _draw(images, 0.0, 1.0)
    lines = tf.clip_by_value(4.0 * tf.cos(6.2832 * phase) + _draw(images, 1.0, 4.0), -1.0, 1.0)
    upright = _draw(images, 0.0, 1.0) < 0.5
    return tf.minimum(images, tf.where(upright, lines, tf.transpose(lines, (0, 2, 1))))


def _roughen(images: tf.Tensor) -> tf.Tensor:
    """Blur ink and noise together, then sharpen them, which gives soft or ragged edges."""
    gain = _draw(images, 0.8, 4.0)
    noise = 2.0 * _uniform(tf.shape(images)) - 1.0
    images += 0.5 * (gain - 0.8) * _draw(images, 0.0, 1.0) * noise
    for axis in (1, 2):
        before, after = _neighbours(images, axis)
        images = 0.25 * before + 0.5 * images + 0.25 * after
    return tf.clip_by_value(gain * images, -1.0, 1.0)


_CHANGES: dict[str, Change] = {
    "weight": _weigh,
    "warp": _warp,
    "outline": _outline,
    "shadow": _shadow,
    "inverse": _invert,
    "stripes": _stripe,
    "rough": _roughen,
}


def _uniform(shape: tuple | tf.Tensor) -> tf.Tensor:
    return tf.random.get_global_generator().uniform(shape)


def _draw(images: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw one random number per image, of shape (N, 1, 1)."""
    return low + (high - low) * _uniform((tf.shape(images)[0], 1, 1))


def _mean_ink(images: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(images + 1.0, axis=(1, 2), keepdims=True)


def _brighten(images: tf.Tensor) -> tf.Tensor:
    """Multiply the ink by one to three, up to full brightness."""
    return tf.minimum(_draw(images, 1.0, 3.0) * (images + 1.0) - 1.0, 1.0)


def _neighbours(images: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Shift every image by one pixel in both directions, repeating the pixels at the edge."""
    if axis == 1:
        first, last = images[:, :1], images[:, -1:]
        return tf.concat([first, images[:, :-1]], 1), tf.concat([images[:, 1:], last], 1)
    first, last = images[:, :, :1], images[:, :, -1:]
    return tf.concat([first, images[:, :, :-1]], 2), tf.concat([images[:, :, 1:], last], 2)


def _thicken(images: tf.Tensor) -> tf.Tensor:
    for axis in (1, 2):
        images = tf.maximum(images, tf.maximum(*_neighbours(images, axis)))
    return images


def _thin(images: tf.Tensor) -> tf.Tensor:
    for axis in (1, 2):
        images = tf.minimum(images, tf.minimum(*_neighbours(images, axis)))
    return images


def _matrix(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    """Stack numbers of shape (N, 1, 1) into matrices of shape (N, 3, 3)."""
    return tf.concat([tf.concat(row, axis=2) for row in rows], axis=1)


def _edges(images: tf.Tensor, low: float, high: float) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Draw where the ink should begin and end on both axes, with margins of `low` to `high`."""
    return [
        (_draw(images, low, high) - 0.5, _LAST + 0.5 - _draw(images, low, high)) for _ in range(2)
    ]


def _inset(images: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Shrink every whole image, leaving random margins (in pixels) on its four sides."""
    box = tf.constant([[-0.5, _LAST + 0.5]])
    return _project(images, _scaling(box, box, _edges(images, low, high)))


def _fill(
    images: tf.Tensor, projection: tf.Tensor, edges: list[tuple[tf.Tensor, tf.Tensor]]
) -> tf.Tensor:
    """Map images by matrices (column, row, 1), then stretch their ink to the given edges.

    The extremes of the mapped ink are among the corners of the first and last pixel of its rows.
    """
    ink = images > _FAINT
    first = tf.reduce_min(tf.where(ink, _COLUMNS, IMAGE_SIZE), axis=2) - 0.5
    last = tf.reduce_max(tf.where(ink, _COLUMNS, -1.0), axis=2) + 0.5
    x = tf.concat([first, first, last, last], axis=1)
    y = tf.zeros_like(x) + tf.concat([_COLUMNS - 0.5, _COLUMNS + 0.5] * 2, axis=0)
    x, y, w = tf.unstack(projection @ tf.stack([x, y, tf.ones_like(x)], axis=1), axis=1)
    inked = tf.tile(first < last, (1, 4))
    x, y = (_replace_outside(points / w, inked) for points in (x, y))
    return _project(images, _scaling(x, y, edges) @ projection)


def _replace_outside(points: tf.Tensor, inked: tf.Tensor) -> tf.Tensor:
    """Put the points of rows without ink on the first that has some, or on two in an empty image.

    An image without any ink so keeps a mapping that can be inverted.
    """
    some = tf.reduce_max(tf.where(inked, points, -1e6), axis=1, keepdims=True)
    empty = tf.where(tf.range(tf.shape(points)[1]) % 2 == 0, -1.0, 1.0)
    return tf.where(inked, points, tf.where(some > -1e6, some, empty))


def _scaling(x: tf.Tensor, y: tf.Tensor, edges: list[tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    """Find the matrices that bring the extent of points (N, any) to the given edges."""
    (scale_x, start_x), (scale_y, start_y) = (
        _stretch(points, *ends) for points, ends in ((x, edges[0]), (y, edges[1]))
    )
    one, zero = tf.ones_like(start_x), tf.zeros_like(start_x)
    return _matrix([[scale_x, zero, start_x], [zero, scale_y, start_y], [zero, zero, one]])


def _stretch(points: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    low = tf.reduce_min(points, axis=1)[:, None, None]
    high = tf.reduce_max(points, axis=1)[:, None, None]
    scale = (stop - start) / (high - low)
    return scale, start - scale * low


def _project(images: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """Resample images (bilinear, dark outside) by matrices from old to new (column, row, 1)."""
    a, b, c = tf.unstack(projection, axis=1)
    columns = [tf.linalg.cross(b, c), tf.linalg.cross(c, a), tf.linalg.cross(a, b)]
    inverse = tf.reshape(tf.stack(columns, axis=2), (-1, 9))  # but for a factor
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=inverse[:, :8] / inverse[:, 8:],
        output_shape=(IMAGE_SIZE, IMAGE_SIZE),
        fill_value=-1.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return moved[..., 0]
