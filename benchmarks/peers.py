"""The same jobs as ours, done with what one would install instead: Pillow, Keras and others.

``python -m benchmarks.peers`` takes the embedded training archive from file to arrays, trains two
models on its images, and fits a logistic regression, in turn with our code and with each peer.
Not counted: imports, a first run of every way to arrays, which checks that all give the same, the
first epoch where epochs are timed, and our evaluations. Most of the seconds to arrays go into
unpacking thousands of small files, which some disks do much faster than others.
"""

import argparse
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import notmnist
from benchmarks.record import check_room, finish, measurement, save
from notmnist import training
from notmnist.archives import extraction, members, plain_tar, png, tars
from notmnist.dataset import Split
from notmnist.sources import OPENGLYPHS_LARGE as ARCHIVE
from notmnist.training import keras, tf

SIZE = sum(ARCHIVE.counts.values())
BATCH = 1_000
EPOCHS = 6  # the first, in which graphs are built, is not counted
RATE = 3e-3
# As notebook 03 chose them on the validation split.
REGRESSION_STEPS, REGRESSION_L2 = 300, 1e-2

Arrays = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    check_room(memory=3, disk=1)
    measured = in_turn(
        "arrays", SIZE, array_jobs(), rounds, (extraction, members, plain_tar, png, tars)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = unpack(Path(name))
        for model, build in (("softmax regression", softmax_regression), ("MLP", mlp)):
            measured += in_turn("epoch", SIZE, epoch_jobs(model, build, folder), rounds, [training])
    data = notmnist.load("openglyphs")
    jobs = regression_jobs(data.train, data.valid)
    measured += in_turn("logistic regression", len(data.train), jobs, rounds, [training])
    save(measured)


def in_turn(
    kind: str,
    size: int,
    jobs: Mapping[str, Callable[[], float]],
    rounds: int,
    modules: Sequence[ModuleType],
) -> list[dict]:
    """Run ours and its peers in turn, and give an entry a peer; a job returns its seconds."""
    runs = [{way: job() for way, job in jobs.items()} for _ in range(rounds)]
    seconds = {way: [run[way] for run in runs] for way in jobs}
    ours = seconds.pop("ours")
    return [
        measurement(f"peers/{kind}/{peer}", size, "s", ours, theirs, modules)
        for peer, theirs in seconds.items()
    ]


def array_jobs() -> dict[str, Callable[[], float]]:
    """Compare ways from the archive to arrays of uint8, having checked that they give the same."""
    ways = {
        "ours": our_arrays,
        "Pillow": pillow_arrays,
        "Pillow, nothing unpacked": streamed_arrays,
        "datasets": datasets_arrays,
        "Keras": keras_arrays,
    }
    expected = content(our_arrays)
    for name, way in ways.items():
        if content(way) != expected:
            raise SystemExit(f"{name} reads other images or labels than ours")
    return {name: partial(arrays_seconds, way) for name, way in ways.items()}


def content(way: Callable[[Path], Arrays]) -> list[bytes]:
    """Run a way and list its images with their labels, whatever their order."""
    with tempfile.TemporaryDirectory() as name:
        images, labels = way(Path(name))
    if images.dtype != np.uint8:
        raise SystemExit(f"{way.__name__} gives {images.dtype}")
    return sorted(
        bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)
    )


def arrays_seconds(way: Callable[[Path], Arrays]) -> float:
    """Time a way in an empty folder; removing the folder is not counted."""
    with tempfile.TemporaryDirectory() as name:
        return timed(partial(way, Path(name)))


def timed(job: Callable[[], object]) -> float:
    """Return the seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def our_arrays(folder: Path) -> Arrays:
    """Read with the package, and bring the images into the order of the labels."""
    extracted = extraction.extract(ARCHIVE.path, ARCHIVE)
    return extracted.images[extracted.rows], extracted.labels


def unpack(folder: Path) -> Path:
    """Unpack the archive and return the folder of its letters."""
    with tarfile.open(ARCHIVE.path) as tar:
        tar.extractall(folder, filter="data")
    return folder / ARCHIVE.filename.removesuffix(".tar.gz")


def pillow_arrays(folder: Path) -> Arrays:
    """Unpack, then open file by file, as public loaders do."""
    paths = sorted(unpack(folder).glob("*/*.png"))
    images = np.empty((len(paths), 28, 28), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            images[row] = image
    return images, np.array([ord(path.parent.name) - ord("A") for path in paths], np.uint8)


def streamed_arrays(folder: Path) -> Arrays:
    """Open every member with Pillow as it comes, so that no disk is measured."""
    images, labels = [], []
    with tarfile.open(ARCHIVE.path) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            images.append(np.asarray(Image.open(tar.extractfile(member))))
            labels.append(ord(member.name.split("/")[1]) - ord("A"))
    return np.stack(images), np.array(labels, np.uint8)


def datasets_arrays(folder: Path) -> Arrays:
    """Unpack, then let Hugging Face's library build its table, and take everything out of it."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    import datasets  # here: it reads the environment when imported

    table = datasets.load_dataset(
        "imagefolder", data_dir=str(unpack(folder)), cache_dir=str(folder / "cache"), split="train"
    )
    columns = table.with_format("numpy")[:]
    return columns["image"], columns["label"]


def keras_arrays(folder: Path) -> Arrays:
    """Unpack, then iterate once over Keras's view of the folder."""
    batches = keras_folder(unpack(folder))
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images)[..., 0].astype(np.uint8), np.concatenate(labels)


def keras_folder(folder: Path) -> tf.data.Dataset:
    """View a folder of letters as a `tf.data.Dataset` of shuffled batches."""
    return keras.utils.image_dataset_from_directory(
        folder, color_mode="grayscale", image_size=(28, 28), batch_size=BATCH, verbose=False
    )


def softmax_regression(l2: float = 0.0) -> list[keras.Layer]:
    """Build 784 pixels to 10 logits."""
    penalty = keras.regularizers.L2(l2)
    return [keras.layers.Flatten(), keras.layers.Dense(10, kernel_regularizer=penalty)]


def mlp() -> list[keras.Layer]:
    """Build 784-784-10."""
    return [
        keras.layers.Flatten(),
        keras.layers.Dense(784, activation="relu"),
        keras.layers.Dense(10),
    ]


def epoch_jobs(
    model: str, build: Callable[[], list[keras.Layer]], folder: Path
) -> dict[str, Callable[[], float]]:
    """Compare epochs over all images of the archive, with Adam and batches of 1,000."""
    data = notmnist.load("openglyphs", dedup="none")
    images = Split.joined([data.train, data.valid])
    scaled = training.scale(images.images).numpy()
    labels = images.labels.astype(np.int32)

    def from_folder() -> float:
        rescaling = keras.layers.Rescaling(1 / 127.5, offset=-1)
        layers = [keras.Input((28, 28, 1)), rescaling, *build()]
        return keras_epoch(layers, keras_folder(folder), shuffle=False)  # it shuffles its files

    def from_arrays() -> float:
        layers = [keras.Input((28, 28)), *build()]
        return keras_epoch(layers, scaled, labels, batch_size=BATCH)

    def ours() -> float:
        return our_epoch([keras.Input((28, 28)), *build()], images, data.valid)

    return {"ours": ours, f"Keras, {model}": from_folder, f"Keras arrays, {model}": from_arrays}


def our_epoch(layers: list, train: Split, valid: Split) -> float:
    """Train with the package; return the mean seconds of an epoch."""
    history = training.fit(
        keras.Sequential(layers), train, valid, optimizer=keras.optimizers.Adam(RATE),
        steps=EPOCHS * -(-len(train) // BATCH), batch_size=BATCH, seed=0, points=EPOCHS,
    )  # fmt: skip
    return mean_epoch(history.train_seconds)


def keras_epoch(layers: list, *data, **options) -> float:
    """Train with `fit`, without metrics or validation; return the mean seconds of an epoch."""
    ends = []
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    model.fit(*data, epochs=EPOCHS, verbose=0, callbacks=[clock], **options)
    return mean_epoch(ends)


def mean_epoch(ends: Sequence[float]) -> float:
    """Average the epochs but the first, from the times at which they ended."""
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def regression_jobs(train: Split, valid: Split) -> dict[str, Callable[[], float]]:
    """Compare scikit-learn's fit with our training up to its accuracy on validation."""
    pixels = train.as_sklearn()[0].astype(np.float32) / 255
    fit = partial(LogisticRegression(max_iter=1_000).fit, pixels, train.labels)

    def fit_alone() -> LogisticRegression:
        # Waiting threads spin, which costs more than they gain on a busy machine.
        with threadpool_limits(1):
            return fit()

    model = fit_alone()
    accuracy = model.score(valid.as_sklearn()[0].astype(np.float32) / 255, valid.labels)
    print(f"scikit-learn: accuracy on validation {accuracy:.4f} in {model.n_iter_[0]} iterations")
    return {
        "ours": partial(our_regression, train, valid, accuracy),
        "scikit-learn": partial(timed, fit),
        "scikit-learn, one thread": partial(timed, fit_alone),
    }


def our_regression(train: Split, valid: Split, accuracy: float) -> float:
    """Train by minibatches; return the seconds to an accuracy, with building the graph."""
    schedule = keras.optimizers.schedules.CosineDecay(RATE, REGRESSION_STEPS)
    history = training.fit(
        keras.Sequential([keras.Input((28, 28)), *softmax_regression(REGRESSION_L2)]), train, valid,
        optimizer=keras.optimizers.Adam(schedule), steps=REGRESSION_STEPS, batch_size=BATCH,
        seed=0, points=REGRESSION_STEPS // 5,
    )  # fmt: skip
    seconds = history.seconds_to(accuracy)
    if seconds is None:
        raise SystemExit(f"our accuracy stays below {accuracy:.4f}")
    at = history.steps[history.train_seconds.index(seconds)]
    print(f"ours: {accuracy:.4f} after {at} steps, {history.valid_accuracy[-1]:.4f} at the end")
    return seconds


if __name__ == "__main__":
    finish(main)
