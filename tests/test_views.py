"""A split as other libraries take it: the same rows, nothing loaded before it is asked for."""

import copy
import hashlib
import multiprocessing
import os
import pickle
import sys
import warnings
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import notmnist
from notmnist import NotMNISTError
from notmnist.sources import LETTERS


@pytest.fixture(scope="module")
def split():
    return notmnist.load("openglyphs").train


def test_pieces_are_views_of_all_rows_in_order(split):
    pieces = list(split.pieces(8_000))
    assert [len(piece) for piece in pieces] == [8_000, 8_000, 8_000, len(split) - 24_000]
    assert np.array_equal(np.concatenate([piece.labels for piece in pieces]), split.labels)
    assert all(np.shares_memory(piece.images, split.images) for piece in pieces)
    assert list(split[:0].pieces()) == []


def test_a_row_is_an_image_and_its_label_and_a_split_is_iterated_row_by_row(split):
    for row in (0, -1, np.int64(7)):
        image, label = split[row]
        assert (type(image), image.shape, image.dtype) == (np.ndarray, (28, 28), np.uint8)
        assert np.array_equal(image, split.images[row])
        assert (label, type(label)) == (split.labels[row], int)
    with pytest.raises(IndexError):
        split[len(split)]
    few = split[1_990:2_010]
    images, labels = zip(*few, strict=True)
    assert np.array_equal(images, few.images)
    assert list(labels) == few.labels.tolist()
    assert len(split[[3, 1]]) == 2 and list(split[:0]) == []


def test_a_pickled_split_maps_its_file_again_in_another_process(split, tmp_path, python):
    part = split[100:9_000]
    (tmp_path / "split.pickle").write_bytes(pickle.dumps(part))
    assert (tmp_path / "split.pickle").stat().st_size < 3_000
    printed = python(
        "import hashlib, pickle\n"
        f"with open({str(tmp_path / 'split.pickle')!r}, 'rb') as file:\n"
        "    split = pickle.load(file)\n"
        "print(type(split.images).__name__, split, split.fonts[5], split.families[5])\n"
        "for array in split.images, split.labels:\n"
        "    print(hashlib.sha256(array).hexdigest())\n"
    )
    assert printed.splitlines() == [
        f"memmap {part} {part.fonts[5]} {part.families[5]}",
        hashlib.sha256(part.images).hexdigest(),
        hashlib.sha256(part.labels).hexdigest(),
    ]


def test_what_is_not_in_a_file_is_pickled_itself_and_a_copy_is_a_split(split):
    for part in (split[[5, 3]], split[::2], split[:0]):
        for copied in (pickle.loads(pickle.dumps(part)), copy.copy(part), copy.deepcopy(part)):
            assert np.array_equal(copied.images, part.images)
            assert np.array_equal(copied.fonts, part.fonts)


def test_a_pickled_split_whose_file_has_changed_since_is_one_line(tmp_path):
    split = notmnist.load("openglyphs", home=tmp_path).test
    pickled = pickle.dumps(split)
    os.utime(tmp_path / "openglyphs.joblib", ns=(1, 1))
    with pytest.raises(
        NotMNISTError, match=r"openglyphs.joblib, which no longer exists or has changed"
    ):
        pickle.loads(pickled)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is mapped")
def test_a_split_whose_file_is_gone_is_pickled_itself_and_places_in_it_are_refused(tmp_path):
    split = notmnist.load("openglyphs", home=tmp_path).test
    pickled = pickle.dumps(split)
    (tmp_path / "openglyphs.joblib").unlink()
    with pytest.raises(NotMNISTError, match=r"load the dataset again"):
        pickle.loads(pickled)
    assert np.array_equal(pickle.loads(pickle.dumps(split)).images, split.images)


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


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch: PyTorch is not installed")


def test_torch_reads_every_row_in_order(split, torch):
    view = split.as_torch()
    image, label = view[3]
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.uint8)
    assert (label, type(label)) == (int(split.labels[3]), int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = torch.utils.data.DataLoader(view, batch_size=2_000)
        images, labels = zip(*loader, strict=True)
    assert np.array_equal(torch.cat(images).numpy()[:, 0], split.images)
    assert np.array_equal(torch.cat(labels).numpy(), split.labels)
    whole, letters = view[:]
    assert torch.equal(whole, torch.cat(images)) and torch.equal(letters, torch.cat(labels))
    assert len(list(split[:20].as_torch())) == 20


def test_torchs_tensors_may_be_written_and_the_split_stays_as_it_is(split, torch):
    few = split[:3]
    view, before = few.as_torch(), np.array(few.images)
    for images in (view[0][0], view[:2][0], view.__getitems__([1, 2])[0][0], view.data, view[0][0]):
        images.fill_(7)
    assert np.array_equal(few.images, before)


def test_torchs_view_has_what_torchvisions_datasets_have(split, torch):
    view = split[:50].as_torch()
    assert view.transform is None and view.target_transform is None
    assert view.classes == list(LETTERS)
    assert view.class_to_idx == {letter: label for label, letter in enumerate(LETTERS)}
    assert (view.data.dtype, view.targets.dtype) == (torch.uint8, torch.int64)
    assert np.array_equal(view.data, split.images[:50])
    assert np.array_equal(view.targets, split.labels[:50])
    # As programs that keep a part of a torchvision dataset do.
    chosen = view.targets < 3
    view.data, view.targets = view.data[chosen], view.targets[chosen]
    assert len(view) == int(chosen.sum())
    assert torch.equal(torch.stack([image[0] for image, _ in view]), view.data)
    assert [label for _, label in view] == view.targets.tolist()
    assert torch.equal(view[1:3][0][:, 0], view.data[1:3])


def test_a_transform_takes_pil_images_and_a_target_transform_labels(split, torch):
    seen = []

    def ink(image):
        seen.append((type(image), image.mode, image.size))
        return np.asarray(image).mean(dtype=np.float32)

    view = split[:9].as_torch(transform=ink, target_transform=lambda label: LETTERS[label])
    expected = split.images[:9].mean(axis=(1, 2), dtype=np.float32)
    assert [image for image, _ in view] == pytest.approx(expected)
    assert [letter for _, letter in view] == [LETTERS[label] for label in split.labels[:9]]
    assert set(seen) == {(Image.Image, "L", (28, 28))}
    means, letters = view[2:5]
    assert means.tolist() == pytest.approx(expected[2:5])
    assert list(letters) == [LETTERS[label] for label in split.labels[2:5]]


def test_the_trap_of_out_of_distribution_tests_a_transform_set_later_is_seen_by_the_loader(
    split, torch
):
    def normalised(image):
        return (torch.from_numpy(np.array(image, np.float32)) / 255 - 0.5) / 0.5

    dataset = split[:40].as_torch()
    parts = [dataset, torch.utils.data.Subset(dataset, range(40))]
    dataset.transform = normalised  # as a much copied evaluation does with what it is given
    for part in parts:
        loader = torch.utils.data.DataLoader(part, batch_size=16)
        images = torch.cat([images for images, _ in loader])
        assert images.dtype == torch.float32
        assert np.allclose(images, split.images[:40].astype(float) / 127.5 - 1, atol=1e-6)
        assert (float(images.min()), float(images.max())) == (-1, 1)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_torchs_workers_read_every_row_however_they_start(split, torch, method):
    few = split[5:105]
    half, rest = torch.utils.data.random_split(few.as_torch(), [0.5, 0.5])
    both = torch.utils.data.ConcatDataset([half, rest])
    loader = torch.utils.data.DataLoader(
        both, batch_size=10, shuffle=True, num_workers=1, multiprocessing_context=method
    )
    images, labels = (torch.cat(part).numpy() for part in zip(*loader, strict=True))
    read = Counter((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    assert read == Counter((image.tobytes(), label) for image, label in few)
    with pytest.raises(IndexError):
        few.as_torch()[100]


def test_spawned_workers_of_torch_map_the_file_and_get_no_images(split, torch):
    view = split.as_torch()
    pickled = pickle.dumps(view)
    assert len(pickled) < 9 * len(split)  # the labels, eight bytes each
    restored = pickle.loads(pickled)
    assert isinstance(restored.split.images, np.memmap)
    assert torch.equal(restored[:][0], view[:][0]) and torch.equal(restored[:][1], view[:][1])
    # What has been asked for may have been changed, and travels.
    changed = split[:9].as_torch()
    changed.data.fill_(3)
    assert pickle.loads(pickle.dumps(changed))[0][0].unique().tolist() == [3]


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
    monkeypatch.delitem(sys.modules, "notmnist.exports.torch_dataset", raising=False)
    with pytest.raises(NotMNISTError) as caught:
        getattr(split, method)()
    message = str(caught.value)
    assert message.startswith(f'{module} is not installed: run pip install -e ".[{extra}]"')
    assert "\n" not in message


def test_importing_the_package_imports_none_of_them(python):
    heavy = ("tensorflow", "torch", "pandas", "pyarrow", "datasets", "scipy", "sklearn", "PIL")
    loaded = python(f"import notmnist, sys; print([m for m in {heavy!r} if m in sys.modules])")
    assert loaded == "[]\n"
