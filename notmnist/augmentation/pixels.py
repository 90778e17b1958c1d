"""Random numbers, and operations on neighbouring pixels, for batches of scaled images."""

from notmnist.training import tf


def uniform(shape: tuple | tf.Tensor) -> tf.Tensor:
    """Draw numbers from 0 .. 1 from TensorFlow's global generator."""
    return tf.random.get_global_generator().uniform(shape)


def draw(images: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw one random number per image, of shape (N, 1, 1)."""
    return low + (high - low) * uniform((tf.shape(images)[0], 1, 1))


def mean_ink(images: tf.Tensor) -> tf.Tensor:
    """Average the brightness of every image above black, of shape (N, 1, 1)."""
    return tf.reduce_mean(images + 1.0, axis=(1, 2), keepdims=True)


def brighten(images: tf.Tensor) -> tf.Tensor:
    """Multiply the ink by one to three, up to full brightness."""
    return tf.minimum(draw(images, 1.0, 3.0) * (images + 1.0) - 1.0, 1.0)


def neighbours(images: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Shift every image by one pixel in both directions, repeating the pixels at the edge."""
    if axis == 1:
        first, last = images[:, :1], images[:, -1:]
        return tf.concat([first, images[:, :-1]], 1), tf.concat([images[:, 1:], last], 1)
    first, last = images[:, :, :1], images[:, :, -1:]
    return tf.concat([first, images[:, :, :-1]], 2), tf.concat([images[:, :, 1:], last], 2)


def thicken(images: tf.Tensor) -> tf.Tensor:
    """Widen the ink by one pixel on all sides."""
    for axis in (1, 2):
        images = tf.maximum(images, tf.maximum(*neighbours(images, axis)))
    return images


def thin(images: tf.Tensor) -> tf.Tensor:
    """Narrow the ink by one pixel on all sides."""
    for axis in (1, 2):
        images = tf.minimum(images, tf.minimum(*neighbours(images, axis)))
    return images
