"""Compare the steps of one convolutional net in our loop, Keras' `fit`, PyTorch and JAX.

``python -m benchmarks.frameworks`` trains the layers of notebook 07, without dropout and penalty,
on OpenGlyphs: with Adam, in batches of 128 and in float32. Every way builds its model in a process
of its own, takes some steps that do not count, because graphs are built in them, and then times
``STEPS`` steps.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import notmnist
from benchmarks.record import check_room, finish, measurement, save
from notmnist.dataset import Dataset

BATCH, STEPS, WARM_UP, RATE = 128, 400, 40, 1e-3
PARAMETERS = 438_506  # of the net, in every framework


def main() -> None:
    """Time every way in turn, print and save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frameworks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    check_room(memory=3, disk=1)
    runs = [{way: alone(way) for way in WAYS} for _ in range(rounds)]
    from notmnist import training  # TensorFlow would slow the start of every process down

    milliseconds = {way: [run[way] for run in runs] for way in WAYS}
    size, ours = len(notmnist.load("openglyphs").train), milliseconds.pop("ours")
    save(
        [
            measurement(f"peers/convolutional step/{way}", size, "ms", ours, theirs, [training])
            for way, theirs in milliseconds.items()
        ]
    )


def alone(way: str) -> float:
    """Return the milliseconds per step of one way, which runs in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(train, (way,))


def train(way: str) -> float:
    """Train in one way, and return the milliseconds per step."""
    parameters, seconds = WAYS[way](notmnist.load("openglyphs"))
    if parameters != PARAMETERS:
        raise SystemExit(f"{way} has {parameters:,} parameters instead of {PARAMETERS:,}")
    return 1000 * seconds() / STEPS


def ours(data: Dataset) -> tuple[int, Callable[[], float]]:
    """Train with the loop of the notebooks, the images in memory as uint8."""
    from notmnist.training import fit, keras

    model = keras_net()

    def seconds() -> float:
        history = fit(
            model, data.train, data.valid, optimizer=keras.optimizers.Adam(RATE),
            steps=2 * STEPS, batch_size=BATCH, seed=0, points=2,
        )  # fmt: skip
        first, second = history.train_seconds
        return second - first  # the graph was built in the first half

    return model.count_params(), seconds


def keras_net():
    """Build the net from layers of Keras."""
    from notmnist.training import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10),
        ]
    )


def keras_fit(data: Dataset, **options) -> tuple[int, Callable[[], float]]:
    """Train with `model.fit` on scaled images in memory."""
    from notmnist.training import keras, scale

    rows = np.arange(STEPS * BATCH) % len(data.train)
    images, labels = scale(data.train.images).numpy()[rows], data.train.labels[rows]
    model = keras_net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, **options)

    def steps(count: int) -> None:
        model.fit(images[: count * BATCH], labels[: count * BATCH], batch_size=BATCH, verbose=0)

    return model.count_params(), lambda: timed(steps)


def torch_loop(data: Dataset, compiled: bool) -> tuple[int, Callable[[], float]]:
    """Train with the usual loop of PyTorch on batches gathered in memory."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 64, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    images = torch.tensor(data.train.images)[:, None]
    labels = torch.tensor(data.train.labels, dtype=torch.long)
    optimizer, loss = torch.optim.Adam(net.parameters(), RATE), nn.CrossEntropyLoss()
    model = torch.compile(net) if compiled else net

    def steps(count: int) -> None:
        for _ in range(count):
            rows = torch.randint(len(images), (BATCH,))
            optimizer.zero_grad()
            loss(model(images[rows].float() / 127.5 - 1), labels[rows]).backward()
            optimizer.step()

    return sum(weights.numel() for weights in net.parameters()), lambda: timed(steps)


def jax_loop(data: Dataset) -> tuple[int, Callable[[], float]]:
    """Train with a compiled step of JAX on batches gathered in memory."""
    import jax
    from jax import numpy as jnp
    from jax.example_libraries import optimizers, stax

    start, apply = stax.serial(
        stax.Conv(16, (5, 5), padding="SAME"), stax.Relu, stax.MaxPool((2, 2), (2, 2)),
        stax.Conv(64, (5, 5)), stax.Relu, stax.MaxPool((2, 2), (2, 2)),
        stax.Flatten, stax.Dense(256), stax.Relu, stax.Dense(10),
    )  # fmt: skip
    _, weights = start(jax.random.key(0), (BATCH, 28, 28, 1))
    first, update, weights_of = optimizers.adam(RATE)

    def loss(weights, images, labels):
        logits = apply(weights, images[..., None].astype(jnp.float32) / 127.5 - 1)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()

    @jax.jit
    def step(number, state, images, labels):
        return update(number, jax.grad(loss)(weights_of(state), images, labels), state)

    images, labels = np.asarray(data.train.images), data.train.labels.astype(np.int32)
    random = np.random.default_rng(0)

    def steps(count: int) -> None:
        state = first(weights)
        for number in range(count):
            rows = random.integers(len(images), size=BATCH)
            state = step(number, state, images[rows], labels[rows])
        jax.block_until_ready(state)

    return sum(leaf.size for leaf in jax.tree.leaves(weights)), lambda: timed(steps)


def timed(steps: Callable[[int], None]) -> float:
    """Warm up, and return the seconds of the steps after that."""
    steps(WARM_UP)
    start = time.perf_counter()
    steps(STEPS)
    return time.perf_counter() - start


# What a way returns: the number of its parameters, and a function that trains and times.
WAYS = {
    "ours": ours,
    "Keras fit": keras_fit,
    "Keras fit, 50 steps per execution": partial(keras_fit, steps_per_execution=50),
    "Keras fit, jit_compile=True": partial(keras_fit, jit_compile=True),
    "PyTorch": partial(torch_loop, compiled=False),
    "PyTorch, torch.compile": partial(torch_loop, compiled=True),
    "JAX": jax_loop,
}


if __name__ == "__main__":
    finish(main)
