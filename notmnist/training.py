"""Train every TensorFlow model with one fast loop.

With a small model, `model.fit` spends most of its time outside the model. This loop keeps the
training images in memory as uint8, gathers and scales the batches inside the graph, and runs all
steps between two points of the curve in one call.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import count, islice, pairwise
from typing import Any

import numpy as np

from notmnist.dataset import Dataset, Split
from notmnist.errors import UsageError, needs_extra
from notmnist.fitting import checkpoints, progress
from notmnist.fitting.history import History, Trained
from notmnist.sources import IMAGE_SIZE, LETTERS


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2.

    TensorFlow prints there when it is imported, whatever its settings are.
    """
    if sys.stderr is None:  # in a program without a console
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with needs_extra("notebooks"), _silent_stderr():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # the first search for a GPU prints too

_EVALUATION_BATCH = 2_500
_FITS = count()  # numbers the calls of `fit`: a notebook makes them in the same order every time


def set_seed(seed: int) -> None:
    """Seed every random generator, and make TensorFlow's operations deterministic.

    This includes TensorFlow's global generator, from which augmentation draws. A run is then
    reproducible bit for bit on the same machine with the same number of threads.

    Parameters
    ----------
    seed : int
        The seed of Python, NumPy and TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    tf.random.set_global_generator(tf.random.Generator.from_seed(seed))
    tf.config.experimental.enable_op_determinism()


def scale(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Scale grey levels from 0 .. 255 to -1 .. 1.

    Parameters
    ----------
    images : array of uint8, shape (N, 28, 28)
        The grey levels.

    Returns
    -------
    tf.Tensor of float32, same shape
        The scaled images, ``(x - 127.5) / 127.5``.
    """
    return (tf.cast(images, tf.float32) - 127.5) / 127.5


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Compute the mean softmax cross-entropy of a batch.

    Parameters
    ----------
    labels : tf.Tensor of int32, shape (N,)
        The letters, A = 0 .. J = 9.
    logits : tf.Tensor of float32, shape (N, 10)
        The output of the model, before any softmax.

    Returns
    -------
    tf.Tensor of float32, shape ()
        The mean, in nats.
    """
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


def fit(
    model: keras.Model,
    train: Split,
    valid: Split,
    *,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
    batch_size: int,
    seed: int,
    points: int = 20,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = cross_entropy,
    augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
    teacher: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> History:
    """Train a model on minibatches and record its learning curve.

    Every epoch visits the training images in a new random order. The penalties of the model's
    regularizers are added to `loss`.

    Parameters
    ----------
    model : keras.Model
        The model, which takes scaled images (N, 28, 28) and returns logits (N, 10). It is trained
        in place.
    train, valid : Split
        The training and validation images, uint8, with their labels.
    optimizer : keras.optimizers.Optimizer
        The optimizer, with its learning rate or schedule.
    steps : int
        The number of minibatch updates.
    batch_size : int
        The number of images per step.
    seed : int
        The seed of the order of the images.
    points : int
        The number of points on the curve. They are evenly spaced, and the last one is at the end.
    loss : callable
        A function that takes labels and logits and returns a scalar.
    augment : callable, optional
        A function that takes a batch of scaled images, float32 (N, 28, 28) in -1 .. 1, and returns
        a batch like it. It is applied inside the graph to the batches that the model is trained on,
        never to those that it is evaluated on.
    teacher : callable, optional
        A function that takes a batch as the model sees it, after `augment`, and returns what `loss`
        gets in place of the labels, such as the probabilities of a larger model.

    Returns
    -------
    History
        The accuracy, loss and times at every point.

    Raises
    ------
    UsageError
        When a split is empty, the model has no weights or another number of outputs, `steps`,
        `batch_size` or `points` is less than 1, or `seed` is negative.
    """
    for name, split in (("training", train), ("validation", valid)):
        if len(split) == 0:
            raise UsageError(f"the {name} split is empty: pass one that contains images")
    if not model.trainable_variables:
        raise UsageError("the model has no weights to train: begin it with keras.Input((28, 28))")
    outputs = getattr(model, "output_shape", (len(LETTERS),))  # a subclass may state none
    if outputs[-1] != len(LETTERS):
        raise UsageError(
            f"the model has {outputs[-1]} outputs: end it with keras.layers.Dense({len(LETTERS)}), "
            "one for each letter"
        )
    if min(steps, batch_size, points) < 1:
        raise UsageError("steps, batch_size and points must be at least 1")
    if seed < 0:
        raise UsageError("seed must be at least 0")
    number = next(_FITS)

    def describe() -> str:
        """Describe this run so that no other run of its notebook has the same description."""
        start = b"".join(variable.numpy().tobytes() for variable in model.variables)
        sizes = (steps, batch_size, seed, points, len(train), len(valid))
        return repr((number, sizes, start, model.get_config(), optimizer.get_config()))

    def train_anew() -> checkpoints.Arrays:
        history = _train(
            model, train, valid, optimizer, steps, batch_size, seed, points, loss, augment, teacher
        )
        curve = {name: np.array(values) for name, values in vars(history).items()}
        return curve | {str(i): value.numpy() for i, value in enumerate(model.variables)}

    kept = checkpoints.resumed(describe, train_anew)
    for i, variable in enumerate(model.variables):
        variable.assign(kept[str(i)])
    return History(**{field.name: kept[field.name].tolist() for field in fields(History)})


def _train(
    model: keras.Model,
    train: Split,
    valid: Split,
    optimizer: keras.optimizers.Optimizer,
    steps: int,
    batch_size: int,
    seed: int,
    points: int,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    augment: Callable[[tf.Tensor], tf.Tensor] | None,
    teacher: Callable[[tf.Tensor], tf.Tensor] | None,
) -> History:
    optimizer.build(model.trainable_variables)
    images, labels = tf.constant(train.images), tf.constant(train.labels.astype(np.int32))

    # TensorFlow never frees what a graph captures, so the images are arguments.
    def run_steps(batches: tf.Tensor, images: tf.Tensor, labels: tf.Tensor) -> None:
        for rows in batches:
            scaled, wanted = scale(tf.gather(images, rows)), tf.gather(labels, rows)
            if augment is not None:
                scaled = augment(scaled)
            if teacher is not None:
                wanted = teacher(scaled)
            with tf.GradientTape() as tape:
                total = loss(wanted, model(scaled, training=True))
                if model.losses:
                    total += tf.add_n(model.losses)
            gradients = tape.gradient(total, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

    history, start = History(), time.perf_counter()
    run_steps = tf.function(run_steps).get_concrete_function(
        tf.TensorSpec((None, batch_size), tf.int32),
        tf.TensorSpec(images.shape, images.dtype),
        tf.TensorSpec(labels.shape, labels.dtype),
    )
    seconds = time.perf_counter() - start
    batches, forward = _batches(len(train), batch_size, seed), _forward(model)
    with progress.bar(steps, seed) as bar:
        for done, step in pairwise(np.unique(np.linspace(0, steps, points + 1).astype(int))):
            rows = np.stack(list(islice(batches, step - done)))
            start = time.perf_counter()
            run_steps(tf.constant(rows), images, labels)
            stop = time.perf_counter()
            seconds += stop - start
            history.steps.append(int(step))
            history.train_seconds.append(seconds)
            for name, split in (("train", train[: len(valid)]), ("valid", valid)):
                accuracy, mean_loss = _evaluate(forward, split)
                getattr(history, f"{name}_accuracy").append(accuracy)
                getattr(history, f"{name}_loss").append(mean_loss)
            history.evaluation_seconds += time.perf_counter() - stop
            bar.set_postfix_str(f"validation accuracy {accuracy:.3f}", refresh=False)
            bar.update(step - done)
    return history


def fit_seeds(
    build_model: Callable[[], keras.Model],
    build_optimizer: Callable[[], keras.optimizers.Optimizer],
    data: Dataset,
    tests: Mapping[str, Split],
    *,
    seeds: Sequence[int],
    **options: Any,
) -> Trained:
    """Train a model from scratch with each seed, and predict every test set once per seed.

    Parameters
    ----------
    build_model, build_optimizer : callable
        Functions that are called once per seed, after the seed has been set.
    data : Dataset
        The dataset: its train split is for training, its valid split for the learning curve.
    tests : mapping of str to Split
        The test sets, as `notmnist.test_sets` returns them.
    seeds : sequence of int
        The seeds of the weights, dropout and the order of the images.
    **options
        The other arguments of `fit`.

    Returns
    -------
    Trained
        Models, histories, probabilities and predictions.
    """
    models, histories = [], []
    probabilities: dict[str, list[np.ndarray]] = {name: [] for name in tests}
    for seed in seeds:
        set_seed(seed)
        model, optimizer = build_model(), build_optimizer()
        histories.append(
            fit(model, data.train, data.valid, optimizer=optimizer, seed=seed, **options)
        )
        models.append(model)
        for name, split in tests.items():
            probabilities[name].append(predict_probabilities(model, split.images))
    return Trained(
        images=len(data.train),
        parameters=models[0].count_params(),
        seeds=list(seeds),
        histories=histories,
        probabilities=probabilities,
        models=models,
    )


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predict the letter of every image.

    Parameters
    ----------
    model : keras.Model
        A model that takes scaled images and returns logits.
    images : ndarray of uint8, shape (N, 28, 28)
        The grey levels.

    Returns
    -------
    ndarray of uint8, shape (N,)
        The letters, A = 0 .. J = 9.
    """
    return predict_probabilities(model, images).argmax(axis=1).astype(np.uint8)


def predict_probabilities(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predict how likely every letter is, for every image.

    Parameters
    ----------
    model, images
        As for `predict`.

    Returns
    -------
    ndarray of float32, shape (N, 10)
        Of A to J: the softmax of the logits.
    """
    return tf.nn.softmax(_logits(_forward(model), images)).numpy()


def _batches(count: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the rows of one step after another, from a chain of permutations."""
    generator = np.random.default_rng(seed)
    rows = np.empty(0, np.int32)
    while True:
        while len(rows) < batch_size:
            rows = np.concatenate([rows, generator.permutation(count).astype(np.int32)])
        yield rows[:batch_size]
        rows = rows[batch_size:]


def _forward(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    # One signature fits batches of any length, because tracing another graph for the last, shorter
    # batch would take time. The function is concrete, because TensorFlow warns about functions that
    # it traces again for every model.
    images = tf.TensorSpec((None, IMAGE_SIZE, IMAGE_SIZE), tf.uint8)
    function = tf.function(lambda x: model(scale(x), training=False))
    return function.get_concrete_function(images)


def _logits(forward: Callable[[tf.Tensor], tf.Tensor], images: np.ndarray) -> np.ndarray:
    # The parts have equal size, because a short last part would leave cores idle.
    parts = np.array_split(images, max(1, -(-len(images) // _EVALUATION_BATCH)))
    return np.concatenate([forward(tf.constant(part)) for part in parts])


def _evaluate(forward: Callable[[tf.Tensor], tf.Tensor], split: Split) -> tuple[float, float]:
    logits = _logits(forward, split.images)
    accuracy = float((logits.argmax(axis=1) == split.labels).mean())
    return accuracy, float(cross_entropy(tf.constant(split.labels.astype(np.int32)), logits))
