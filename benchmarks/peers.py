"""Compare our code with the libraries that people would use instead: Pillow, Keras and others.

``python -m benchmarks.peers`` reads the embedded training archive into arrays, trains two models on
its images, and fits a logistic regression, in turn with our code and with each peer. The times do
not include imports, the first run of each reader (which checks that all read the same images), the
first epoch where epochs are timed, or our evaluations. The readers that unpack the archive spend
most of their time writing thousands of small files, which is much faster on some disks.
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
from notmnist import dataset, training
from notmnist.archives import extraction, members, plain_tar, png, tars
from notmnist.dataset import Split
from notmnist.prepared import layout
from notmnist.sources import OPENGLYPHS_LARGE as ARCHIVE
from notmnist.training import keras, tf

SIZE = sum(ARCHIVE.counts.values())
BATCH = 1_000
EPOCHS = 6  # the first one, which builds the graphs, does not count
RATE = 3e-3
# Notebook 03 chose these values on the validation split.
REGRESSION_STEPS, REGRESSION_L2 = 300, 1e-2

Arrays = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    check_room(memory=3, disk=1)
    measured = in_turn(
        "arrays", SIZE, array_jobs(), rounds, (extraction, members, plain_tar, png, tars)
    )
    with tempfile.TemporaryDirectory() as name:
        measured += in_turn("load", SIZE, load_jobs(Path(name)), rounds, [dataset, layout])
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
    """Run our job and its peers in turn, and return one entry per peer; a job returns seconds."""
    runs = [{way: job() for way, job in jobs.items()} for _ in range(rounds)]
    seconds = {way: [run[way] for run in runs] for way in jobs}
    ours = seconds.pop("ours")
    return [
        measurement(f"peers/{kind}/{peer}", size, "s", ours, theirs, modules)
        for peer, theirs in seconds.items()
    ]


def array_jobs() -> dict[str, Callable[[], float]]:
    """Return the jobs that read the archive."""
    ways = {
        "ours": our_arrays,
        "Pillow": pillow_arrays,
        "Pillow, nothing unpacked": streamed_arrays,
        "datasets": datasets_arrays,
        "Keras": keras_arrays,
        "torchvision, 2 workers": torchvision_arrays,
        "TensorFlow Datasets": tfds_arrays,
    }
    return checked(ways)


def checked(ways: Mapping[str, Callable[[Path], Arrays]]) -> dict[str, Callable[[], float]]:
    """Return the jobs that time some readers, after a check that all give the same arrays."""
    expected = content(ways["ours"])
    for name, way in ways.items():
        if content(way) != expected:
            raise SystemExit(f"{name} does not read the same images and labels as our code")
    return {name: partial(arrays_seconds, way) for name, way in ways.items()}


def content(way: Callable[[Path], Arrays]) -> list[bytes]:
    """Run a reader, and return its images with their labels in sorted order."""
    with tempfile.TemporaryDirectory() as name:
        images, labels = way(Path(name))
    if images.dtype != np.uint8:
        raise SystemExit(f"{way.__name__} returns {images.dtype} instead of uint8")
    return sorted(
        bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)
    )


def arrays_seconds(way: Callable[[Path], Arrays]) -> float:
    """Time a reader in an empty folder, without the removal of the folder."""
    with tempfile.TemporaryDirectory() as name:
        return timed(partial(way, Path(name)))


def timed(job: Callable[[], object]) -> float:
    """Return the seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def our_arrays(folder: Path) -> Arrays:
    """Read the archive with the package, and put the images into the order of the labels."""
    extracted = extraction.extract(ARCHIVE.path, ARCHIVE)
    return extracted.images[extracted.rows], extracted.labels


def unpack(folder: Path) -> Path:
    """Unpack the archive and return the folder of its letters."""
    with tarfile.open(ARCHIVE.path) as tar:
        tar.extractall(folder, filter="data")
    return folder / ARCHIVE.filename.removesuffix(".tar.gz")


def pillow_arrays(folder: Path) -> Arrays:
    """Unpack the archive, then open file after file, as public loaders do."""
    paths = sorted(unpack(folder).glob("*/*.png"))
    images = np.empty((len(paths), 28, 28), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            images[row] = image
    return images, np.array([ord(path.parent.name) - ord("A") for path in paths], np.uint8)


def streamed_arrays(folder: Path) -> Arrays:
    """Open every member with Pillow as it is read, so that the disk does not matter."""
    images, labels = [], []
    with tarfile.open(ARCHIVE.path) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            images.append(np.asarray(Image.open(tar.extractfile(member))))
            labels.append(ord(member.name.split("/")[1]) - ord("A"))
    return np.stack(images), np.array(labels, np.uint8)


def datasets_arrays(folder: Path) -> Arrays:
    """Unpack the archive, then let Hugging Face's library build its table, and read the table."""
    return columns_of(load_table("imagefolder", folder / "cache", data_dir=str(unpack(folder))))


def load_table(format: str, cache: Path, **options: str):
    """Load a table with Hugging Face's library, into a cache of its own."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    import datasets  # imported here, because it reads the environment when it is imported

    return datasets.load_dataset(format, cache_dir=str(cache), split="train", **options)


def columns_of(table) -> Arrays:
    """Return the images and labels of a table."""
    columns = table.with_format("numpy")[:]
    return columns["image"], columns["label"]


def torchvision_arrays(folder: Path) -> Arrays:
    """Unpack the archive, then iterate once over the folder with two worker processes."""
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    images = ImageFolder(unpack(folder), v2.Compose([v2.Grayscale(), v2.PILToTensor()]))
    batches = list(DataLoader(images, batch_size=BATCH, num_workers=2))
    pixels = np.concatenate([pixels.numpy() for pixels, _ in batches])
    return pixels[:, 0], np.concatenate([labels.numpy() for _, labels in batches])


def tfds_arrays(folder: Path) -> Arrays:
    """Unpack the archive, then iterate once over the folder with TensorFlow Datasets."""
    import tensorflow_datasets as tfds

    letters = unpack(folder)
    (folder / "splits").mkdir()
    letters.rename(folder / "splits" / "train")
    builder = tfds.folder_dataset.ImageFolder(str(folder / "splits"), shape=(28, 28, 1))
    batches = builder.as_dataset(split="train", as_supervised=True).batch(BATCH)
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images)[..., 0], np.concatenate(labels)


def keras_arrays(folder: Path) -> Arrays:
    """Unpack the archive, then iterate once over the folder with Keras."""
    batches = keras_folder(unpack(folder))
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images)[..., 0].astype(np.uint8), np.concatenate(labels)


def load_jobs(folder: Path) -> dict[str, Callable[[], float]]:
    """Return the jobs that bring the prepared training images into memory, ours and from parquet.

    The parquet files are those that the package exports.
    """
    data = notmnist.load("openglyphs")
    notmnist.export(data, "parquet", folder / "parquet")
    file = next((folder / "parquet").rglob("train*.parquet"))

    def ours(_: Path) -> Arrays:
        train = notmnist.load("openglyphs").train
        return np.array(train.images), np.array(train.labels)

    def parquet(cache: Path) -> Arrays:
        return columns_of(load_table("parquet", cache, data_files=str(file)))

    return checked({"ours": ours, "datasets, parquet": parquet})


def keras_folder(folder: Path) -> tf.data.Dataset:
    """Return a folder of letters as a `tf.data.Dataset` of shuffled batches."""
    return keras.utils.image_dataset_from_directory(
        folder, color_mode="grayscale", image_size=(28, 28), batch_size=BATCH, verbose=False
    )


def softmax_regression(l2: float = 0.0) -> list[keras.Layer]:
    """Build a softmax regression from 784 pixels to 10 logits."""
    penalty = keras.regularizers.L2(l2)
    return [keras.layers.Flatten(), keras.layers.Dense(10, kernel_regularizer=penalty)]


def mlp() -> list[keras.Layer]:
    """Build an MLP of 784-784-10 units."""
    return [
        keras.layers.Flatten(),
        keras.layers.Dense(784, activation="relu"),
        keras.layers.Dense(10),
    ]


def epoch_jobs(
    model: str, build: Callable[[], list[keras.Layer]], folder: Path
) -> dict[str, Callable[[], float]]:
    """Return the jobs that time epochs over all images, with Adam and batches of 1,000."""
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
    """Train with the package, and return the mean seconds per epoch."""
    history = training.fit(
        keras.Sequential(layers), train, valid, optimizer=keras.optimizers.Adam(RATE),
        steps=EPOCHS * -(-len(train) // BATCH), batch_size=BATCH, seed=0, points=EPOCHS,
    )  # fmt: skip
    return mean_epoch(history.train_seconds)


def keras_epoch(layers: list, *data, **options) -> float:
    """Train with Keras' `fit`, without metrics or validation; return the mean seconds per epoch."""
    ends = []
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    model.fit(*data, epochs=EPOCHS, verbose=0, callbacks=[clock], **options)
    return mean_epoch(ends)


def mean_epoch(ends: Sequence[float]) -> float:
    """Return the mean length of all epochs but the first, from the times at which they ended."""
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def regression_jobs(train: Split, valid: Split) -> dict[str, Callable[[], float]]:
    """Return the jobs that time scikit-learn's fit and our training to the same accuracy."""
    pixels = train.as_sklearn()[0].astype(np.float32) / 255
    fit = partial(LogisticRegression(max_iter=1_000).fit, pixels, train.labels)

    def fit_alone() -> LogisticRegression:
        # On a busy machine, threads lose more time by busy waiting than they gain.
        with threadpool_limits(1):
            return fit()

    model = fit_alone()
    accuracy = model.score(valid.as_sklearn()[0].astype(np.float32) / 255, valid.labels)
    print(f"scikit-learn: validation accuracy {accuracy:.4f} in {model.n_iter_[0]} iterations")
    return {
        "ours": partial(our_regression, train, valid, accuracy),
        "scikit-learn": partial(timed, fit),
        "scikit-learn, one thread": partial(timed, fit_alone),
    }


def our_regression(train: Split, valid: Split, accuracy: float) -> float:
    """Train on minibatches; return the seconds to an accuracy, including the graph's building."""
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
