"""The original's models and training loop, written anew in its own terms: the reference.

TensorFlow 1's graphs, fed from NumPy batch by batch: float64 pixels as (x - 128) / 128, batches of
1,000 in stored order, never reshuffled, and its "L2", which penalises the loss instead of the
weights. Its "GRU" was three stacked LSTMs. Facts: the original's notebooks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from notmnist.dataset import Split
from notmnist.training import set_seed, tf

v1 = tf.compat.v1
BATCH = 1_000
LETTERS = 10


def variable(*shape: int, initial: Callable = v1.random_normal) -> v1.Variable:
    """Make weights from N(0, 0.1)."""
    return v1.Variable(initial(shape, stddev=0.1))


def dense(x: tf.Tensor, units: int, initial: Callable = v1.random_normal) -> tf.Tensor:
    """Apply a layer without activation."""
    return x @ variable(x.shape[1], units, initial=initial) + v1.Variable(tf.zeros([units]))


def truncated_dense(x: tf.Tensor, units: int) -> tf.Tensor:
    """Apply a layer whose weights start from a truncated normal distribution."""
    return dense(x, units, v1.truncated_normal)


def convolve(x: tf.Tensor, size: int, stride: int = 2) -> tf.Tensor:
    """Apply 16 filters, without bias."""
    weights = variable(size, size, x.shape[3], 16, initial=v1.truncated_normal)
    return tf.nn.conv2d(x, weights, stride, "SAME")


def biased(x: tf.Tensor) -> tf.Tensor:
    """Add a bias to every channel."""
    return x + v1.Variable(tf.zeros([x.shape[3]]))


def flat(x: tf.Tensor) -> tf.Tensor:
    """Put every image's values into one row."""
    return tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])


def softmax_regression(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build 784 pixels to 10 logits."""
    return dense(flat(x), LETTERS)


def mlp(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build 784-784-10."""
    return dense(tf.nn.relu(dense(flat(x), 784)), LETTERS)


def mlp_dropout(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build 784-784-10 with dropout on the hidden layer."""
    return dense(tf.nn.dropout(tf.nn.relu(dense(flat(x), 784)), drop), LETTERS)


def convnet(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build two strided convolutions, each pooled without stride, and two hidden layers."""
    x = x[..., None]
    for _ in range(2):
        x = tf.nn.relu(biased(tf.nn.max_pool2d(convolve(x, 5), 5, 1, "SAME")))
    x = flat(x)
    for _ in range(2):
        x = tf.nn.dropout(tf.nn.relu(truncated_dense(x, 64)), drop)
    return truncated_dense(x, LETTERS)


def branches(x: tf.Tensor) -> list[tf.Tensor]:
    """Build the four branches, behind a 1x1 convolution that skips three pixels of four."""
    x = x[..., None]
    narrow = tf.nn.relu(biased(convolve(x, 1)))
    pooled = tf.nn.avg_pool2d(x, 5, 1, "SAME")
    wide = [convolve(narrow, 3), convolve(narrow, 5), convolve(pooled, 5)]
    return [flat(narrow), *(flat(tf.nn.relu(biased(branch))) for branch in wide)]


def inception_concatenation(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build one hidden layer upon all branches."""
    hidden = tf.nn.relu(truncated_dense(tf.concat(branches(x), 1), 64))
    return truncated_dense(tf.nn.dropout(hidden, drop), LETTERS)


def inception_mean(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
    """Build a hidden layer upon each branch, and their mean."""
    hidden = [tf.nn.relu(truncated_dense(branch, 64)) for branch in branches(x)]
    return truncated_dense(tf.nn.dropout(tf.add_n(hidden) / 4.0, drop), LETTERS)


def simple_cell(x: tf.Tensor, state: tuple | None, weights: dict) -> tuple:
    """Take one step of a simple recurrent layer."""
    (h,) = state or (tf.zeros([tf.shape(x)[0], 128]),)
    return (tf.tanh(tf.concat([x, h], 1) @ weights["kernel"] + weights["bias"]),)


def lstm_cell(x: tf.Tensor, state: tuple | None, weights: dict) -> tuple:
    """Take one step of an LSTM whose forget gate starts open."""
    h, c = state or (tf.zeros([tf.shape(x)[0], 128]),) * 2
    gates = tf.concat([x, h], 1) @ weights["kernel"] + weights["bias"]
    i, j, f, o = tf.split(gates, 4, axis=1)
    c = tf.sigmoid(f + 1) * c + tf.sigmoid(i) * tf.tanh(j)
    return tf.sigmoid(o) * tf.tanh(c), c


def recurrent(cell: Callable, gates: int, layers: int) -> Callable:
    """Make a builder of layers that read an image by rows, unrolled."""

    def build(x: tf.Tensor, drop: tf.Tensor) -> tf.Tensor:
        rows = tf.unstack(tf.nn.dropout(x, drop), axis=1)
        for _ in range(layers):
            inputs = rows[0].shape[1] + 128
            limit = np.sqrt(6 / (inputs + 128 * gates))
            weights = {
                "kernel": v1.Variable(v1.random_uniform([inputs, 128 * gates], -limit, limit)),
                "bias": v1.Variable(tf.zeros([128 * gates])),
            }
            state, outputs = None, []
            for row in rows:
                state = cell(row, state, weights)
                outputs.append(state[0])
            rows = outputs
        return dense(rows[-1], LETTERS)

    return build


@dataclass(frozen=True)
class Recipe:
    """One of the original's models with its hyper-parameters.

    Attributes
    ----------
    notebook : str
        Which of our notebooks has its successor.
    build : callable
        From images (N, 28, 28) and the share to drop to logits.
    steps, every : int
        Minibatch updates, and how many of them between two evaluations.
    rate : float
        Of gradient descent, or of Adam for recurrent layers.
    drop : float
        Share of units that dropout removes.
    loss_penalty : float
        Factor of its "L2" of the loss.
    """

    notebook: str
    build: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    steps: int
    every: int
    rate: float
    drop: float = 0.0
    loss_penalty: float = 0.0


RECIPES = {
    "softmax regression": Recipe("03_minibatch_lr", softmax_regression, 60_000, 1_000, 0.1),
    "ReLU MLP": Recipe("04_mlp_relu", mlp, 60_000, 1_000, 0.1),
    "ReLU MLP, L2": Recipe("05_mlp_l2", mlp, 60_000, 1_000, 0.1, loss_penalty=0.01),
    "ReLU MLP, dropout, L2": Recipe(
        "06_mlp_dropout_l2", mlp_dropout, 60_000, 1_000, 0.1, 0.5, 0.01
    ),
    "convnet": Recipe("07_convnet_lenet", convnet, 5_000, 1, 0.01, 0.5, 0.01),
    "inception, concatenation": Recipe(
        "08_convnet_inception", inception_concatenation, 5_000, 1, 0.03, 0.5, 0.01
    ),
    "inception, mean": Recipe("08_convnet_inception", inception_mean, 5_000, 1, 0.03, 0.5, 0.01),
    "SimpleRNN": Recipe("09_rnn", recurrent(simple_cell, 1, 1), 1_000, 25, 0.001, 0.5),
    "LSTM": Recipe("09_rnn", recurrent(lstm_cell, 4, 1), 1_000, 25, 0.001, 0.5),
    "three stacked LSTMs": Recipe("09_rnn", recurrent(lstm_cell, 4, 3), 1_000, 25, 0.001, 0.5),
}


class Session:
    """A recipe's graph and its data, ready to train and to evaluate.

    Parameters
    ----------
    recipe : Recipe
    train, valid : Split
        What it is trained and evaluated on.
    """

    def __init__(self, recipe: Recipe, train: Split, valid: Split) -> None:
        self.recipe = recipe
        self.train, self.valid = prepared(train), prepared(valid)
        self.position = 0
        set_seed(0)
        with tf.Graph().as_default():
            v1.set_random_seed(0)
            self.images = v1.placeholder(tf.float32, [None, 28, 28])
            self.labels = v1.placeholder(tf.float32, [None, LETTERS])
            self.drop = v1.placeholder_with_default(0.0, [])
            logits = recipe.build(self.images, self.drop)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(self.labels, logits))
            loss += recipe.loss_penalty * tf.nn.l2_loss(loss)
            recurrent = recipe.notebook == "09_rnn"
            optimizer = v1.train.AdamOptimizer if recurrent else v1.train.GradientDescentOptimizer
            self.update = optimizer(recipe.rate).minimize(loss)
            right = tf.equal(tf.argmax(logits, 1), tf.argmax(self.labels, 1))
            self.accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
            self.session = v1.Session()
            self.session.run(v1.global_variables_initializer())

    def step(self) -> None:
        """Update once, on the batch that follows."""
        images, labels = self.train
        start = self.position % (len(images) - BATCH)
        self.position += BATCH
        batch = slice(start, start + BATCH)
        feed = {self.images: images[batch], self.labels: labels[batch], self.drop: self.recipe.drop}
        self.session.run(self.update, feed)

    def evaluate(self) -> float:
        """Return the accuracy on validation."""
        images, labels = self.valid
        return float(self.session.run(self.accuracy, {self.images: images, self.labels: labels}))

    def curve(self, most_steps: int) -> Iterator[tuple[int, float]]:
        """Train, and yield steps and accuracy; a hundred times where the recipe says more often."""
        steps = min(self.recipe.steps, most_steps)
        every = max(self.recipe.every, self.recipe.steps // 100)
        for step in range(1, steps + 1):
            self.step()
            if step % every == 0:
                yield step, self.evaluate()


def prepared(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 pixels and one-hot labels."""
    return (np.array(split.images, float) - 128) / 128, np.eye(LETTERS)[split.labels]
