"""Move the ink of scaled images: projections, smooth bends, and margins."""

from notmnist.augmentation.pixels import draw, uniform
from notmnist.sources import IMAGE_SIZE
from notmnist.training import tf

LAST = IMAGE_SIZE - 1
COLUMNS = tf.range(IMAGE_SIZE, dtype=tf.float32)

_FAINT = -0.5  # brighter pixels count as ink when the extent of a letter is measured
_BEND = 2.0  # the most pixels that a bend moves a point along either axis

Edges = list[tuple[tf.Tensor, tf.Tensor]]


def warp(
    images: tf.Tensor, slant: float = 0.5, tilt: float = 0.2, taper: float = 0.006
) -> tf.Tensor:
    """Map every image by a random projection, then stretch its ink to fill most of the box.

    The limits are those of the shear along both axes, and of the change of scale per pixel.
    """
    slants, tilts = draw(images, -slant, slant), draw(images, -tilt, tilt)
    taper_x, taper_y = draw(images, -taper, taper), draw(images, -taper, taper)
    one, zero = tf.ones_like(slants), tf.zeros_like(slants)
    about_middle = [[1.0, 0.0, -LAST / 2], [0.0, 1.0, -LAST / 2], [0.0, 0.0, 1.0]]
    projection = _matrix([[one, slants, zero], [tilts, one, zero], [taper_x, taper_y, one]])
    return _fill(images, projection @ tf.constant(about_middle))


def bend(images: tf.Tensor) -> tf.Tensor:
    """Move every point by a smooth random field, as an unsteady hand would, then fill the box.

    Simard, Steinkraus and Platt (2003) call this an elastic distortion.
    """
    coarse = _BEND * (2.0 * uniform((tf.shape(images)[0], 4, 4, 2)) - 1.0)
    field = tf.image.resize(coarse, (IMAGE_SIZE, IMAGE_SIZE), "bicubic")
    return refill(_sample(images, COLUMNS[:, None] + field[..., 0], COLUMNS + field[..., 1]))


def inset(images: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Shrink every whole image, leaving random margins (in pixels) on its four sides."""
    box = tf.constant([[-0.5, LAST + 0.5]])
    return _project(images, _scaling(box, box, _edges(images, low, high)))


def refill(images: tf.Tensor) -> tf.Tensor:
    """Stretch the ink of every image to fill most of the box again."""
    return _fill(images, tf.eye(3, batch_shape=[tf.shape(images)[0]]))


def _matrix(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    """Stack numbers of shape (N, 1, 1) into matrices of shape (N, 3, 3)."""
    return tf.concat([tf.concat(row, axis=2) for row in rows], axis=1)


def _edges(images: tf.Tensor, low: float, high: float) -> Edges:
    """Draw where the ink should begin and end on both axes, with margins of `low` to `high`."""
    return [(draw(images, low, high) - 0.5, LAST + 0.5 - draw(images, low, high)) for _ in range(2)]


def _fill(images: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """Map images by matrices (column, row, 1), then stretch their ink to fill most of the box.

    The extremes of the mapped ink are among the corners of the first and last pixel of its rows.
    """
    ink = images > _FAINT
    first = tf.reduce_min(tf.where(ink, COLUMNS, IMAGE_SIZE), axis=2) - 0.5
    last = tf.reduce_max(tf.where(ink, COLUMNS, -1.0), axis=2) + 0.5
    x = tf.concat([first, first, last, last], axis=1)
    y = tf.zeros_like(x) + tf.concat([COLUMNS - 0.5, COLUMNS + 0.5] * 2, axis=0)
    x, y, w = tf.unstack(projection @ tf.stack([x, y, tf.ones_like(x)], axis=1), axis=1)
    inked = tf.tile(first < last, (1, 4))
    x, y = (_replace_outside(points / w, inked) for points in (x, y))
    return _project(images, _scaling(x, y, _edges(images, -1.0, 1.5)) @ projection)


def _replace_outside(points: tf.Tensor, inked: tf.Tensor) -> tf.Tensor:
    """Put the points of rows without ink on the first that has some, or on two in an empty image.

    An image without any ink so keeps a mapping that can be inverted.
    """
    some = tf.reduce_max(tf.where(inked, points, -1e6), axis=1, keepdims=True)
    empty = tf.where(tf.range(tf.shape(points)[1]) % 2 == 0, -1.0, 1.0)
    return tf.where(inked, points, tf.where(some > -1e6, some, empty))


def _scaling(x: tf.Tensor, y: tf.Tensor, edges: Edges) -> tf.Tensor:
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


def _sample(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Read images (bilinear, dark outside) at points in pixels, each of shape (N, 28, 28)."""
    side = IMAGE_SIZE + 2
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1]], constant_values=-1.0)
    flat = tf.reshape(padded, (-1, side * side))
    rows, columns = (tf.clip_by_value(each + 1.0, 0.0, side - 1.001) for each in (rows, columns))
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = rows - top, columns - left
    corner = tf.cast(side * top + left, tf.int32)

    def read(step: int) -> tf.Tensor:
        return tf.gather(flat, corner + step, batch_dims=1)

    upper = (1.0 - right) * read(0) + right * read(1)
    lower = (1.0 - right) * read(side) + right * read(side + 1)
    return (1.0 - down) * upper + down * lower
