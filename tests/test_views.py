"""A split as other libraries take it: the same rows, nothing loaded before it is asked for."""

import sys
import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import notmnist
from notmnist import NotMNISTError
from notmnist.sources import LETTERS


@pytest.fixture(scope="module")
def split():
    return notmnist.load("openglyphs").train


def test_pieces_are_views_of_all_rows_in_order(split):
    pieces = list(split.pieces(4_000))
    assert [len(piece) for piece in pieces] == [4_000, 4_000, 4_000, len(split) - 12_000]
    assert np.array_equal(np.concatenate([piece.labels for piece in pieces]), split.labels)
    assert all(np.shares_memory(piece.images, split.images) for piece in pieces)
    assert list(split[:0].pieces()) == []


def test_tensorflow_reads_every_row_in_order(split):
    view = split.as_tf()
    image, label = view.element_spec
    assert (image.shape, image.dtype.name) == ((28, 28, 1), "uint8")
    assert (label.shape, label.dtype.name) == ((), "int64")
    assert int(view.cardinality()) == len(split)
    for _ in range(2):
        images, labels = zip(*view.batch(2_000).as_numpy_iterator(), strict=True)
        assert np.array_equal(np.concatenate(images)[..., 0], split.images)
        assert np.array_equal(np.concatenate(labels), split.labels)
    assert len(list(split[:0].as_tf())) == 0


def test_keras_learns_from_tensorflows_view(split):
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(split.as_tf().batch(64), shuffle=False, verbose=0).history
    assert history["accuracy"][-1] > 0.7


def test_torch_reads_every_row_in_order(split):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    view = split.as_torch()
    image, label = view[3]
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.uint8)
    assert (label.shape, label.dtype) == ((), torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = torch.utils.data.DataLoader(view, batch_size=2_000)
        images, labels = zip(*loader, strict=True)
    assert np.array_equal(torch.cat(images).numpy()[:, 0], split.images)
    assert np.array_equal(torch.cat(labels).numpy(), split.labels)
    whole, _ = view[:]
    assert torch.equal(whole, torch.cat(images))


def test_torchs_tensors_may_be_written_and_the_split_stays_as_it_is(split):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    few = split[:3]
    view, before = few.as_torch(), np.array(few.images)
    for image in (view[0][0], view[:2][0], view.__getitems__([1, 2])[0][0]):
        image.fill_(7)
    assert np.array_equal(few.images, before)


def test_torch_shuffles_splits_and_takes_workers(split):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    few = split[:100]
    half, rest = torch.utils.data.random_split(few.as_torch(), [0.5, 0.5])
    both = torch.utils.data.ConcatDataset([half, rest])
    loader = torch.utils.data.DataLoader(both, batch_size=10, shuffle=True, num_workers=1)
    labels = torch.cat([labels for _, labels in loader])
    assert Counter(labels.tolist()) == Counter(few.labels.tolist())
    with pytest.raises(IndexError):
        few.as_torch()[100]


def test_scikit_learn_takes_a_view_without_a_copy(split):
    x, y = split.as_sklearn()
    assert (x.shape, x.dtype, y.shape) == ((len(split), 784), np.uint8, (len(split),))
    assert np.shares_memory(x, split.images) and np.shares_memory(y, split.labels)
    assert np.array_equal(x.reshape(-1, 28, 28), split.images)
    model = LogisticRegression(max_iter=200).fit(x[:500] / 255, y[:500])
    assert model.score(x[500:1_000] / 255, y[500:1_000]) > 0.7
    assert split[:0].as_sklearn()[0].shape == (0, 784)


def test_the_table_counts_every_fonts_letters(split):
    pytest.importorskip("pandas", reason="pandas is not installed")
    few = split[:3_000]
    table = few.font_table()
    assert table.columns.tolist() == ["font", "family", "images", *LETTERS]
    assert table["font"].tolist() == sorted(set(few.fonts))
    counted = Counter(zip(few.fonts.tolist(), few.labels.tolist(), strict=True))
    family = dict(zip(few.fonts.tolist(), few.families.tolist(), strict=True))
    for row in table.to_dict("records"):
        expected = [counted[row["font"], label] for label in range(10)]
        assert [row[letter] for letter in LETTERS] == expected
        assert row["images"] == sum(expected)
        assert row["family"] == family[row["font"]]
    assert split[:0].font_table().empty


@pytest.mark.parametrize(
    ("method", "module", "extra"),
    [("as_torch", "torch", "torch"), ("font_table", "pandas", "pandas")],
)
def test_a_missing_library_is_one_line_that_names_its_extra(
    split, monkeypatch, method, module, extra
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotMNISTError) as caught:
        getattr(split, method)()
    message = str(caught.value)
    assert message.startswith(f'{module} is not installed: run pip install -e ".[{extra}]"')
    assert "\n" not in message


def test_importing_the_package_imports_none_of_them(python):
    heavy = ("tensorflow", "torch", "pandas", "pyarrow", "datasets", "scipy", "sklearn", "PIL")
    loaded = python(f"import notmnist, sys; print([m for m in {heavy!r} if m in sys.modules])")
    assert loaded == "[]\n"
