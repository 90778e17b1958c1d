"""Vary training images as fonts vary: slant, weight, outlines, shadows, inverse boxes, rough edges.

The changes run inside the graph on a batch of scaled images, with new random numbers at every step.
Each of them preserves the letter, and those that move its ink stretch it to fill the box again, as
in notMNIST. All random numbers come from TensorFlow's global generator, which `training.set_seed`
seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

from notmnist.augmentation import frames, geometry, strokes
from notmnist.augmentation.pixels import uniform
from notmnist.training import tf

Change = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Augmentation:
    """Apply each of several changes to a random share of every batch.

    The changes are applied in the order of the attributes. The rows are drawn separately for each
    change, so that some images are changed in several ways and others not at all. The default
    shares come from earlier trials on OpenGlyphs, of which no record was kept.

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
    bend : float
        Share bent by a smooth random field, as an unsteady hand would.
    perspective : float
        Share seen at a sharp angle, then stretched to fill the box.
    closing : float
        Share whose narrow counters are filled.
    swash : float
        Share with one more curved stroke, which leaves the letter at a random point.
    enclosure : float
        Share drawn small inside a shape, such as a diamond, a disc or a keycap.

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
    bend: float = 0.0
    perspective: float = 0.0
    closing: float = 0.0
    swash: float = 0.0
    enclosure: float = 0.0

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
    changed = tf.cast(share * tf.cast(count, tf.float32) + uniform(()), tf.int32)
    rows = tf.argsort(uniform((count,)))[:changed]
    return tf.tensor_scatter_nd_update(images, rows[:, None], change(tf.gather(images, rows)))


_CHANGES: dict[str, Change] = {
    "weight": strokes.weigh,
    "warp": geometry.warp,
    "outline": strokes.outline,
    "shadow": strokes.shadow,
    "inverse": frames.invert,
    "stripes": strokes.stripe,
    "rough": strokes.roughen,
    "bend": geometry.bend,
    "perspective": partial(geometry.warp, slant=0.3, taper=0.025),
    "closing": strokes.close,
    "swash": strokes.swash,
    "enclosure": frames.enclose,
}
