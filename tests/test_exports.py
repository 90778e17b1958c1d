"""Every export is read back by the program that it is for; what can't be exported harms nothing."""

import pickle
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import notmnist
from notmnist import NotMNISTError, UsageError, cli, exports
from notmnist.exports import mat
from notmnist.sources import LETTERS, SPLITS


@pytest.fixture(scope="module")
def data():
    return notmnist.load("openglyphs")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_idx_is_read_by_a_reader_of_mnist(data, out):
    mnist = pytest.importorskip("mnist", reason="python-mnist is not installed")
    paths = notmnist.export(data, "idx", out)
    assert [path.name for path in paths] == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    reader = mnist.MNIST(str(out), gz=True, return_type="numpy")
    for (images, labels), split in (
        (reader.load_training(), data.train),
        (reader.load_testing(), data.test),
    ):
        assert np.array_equal(images.reshape(-1, 28, 28), split.images)
        assert np.array_equal(labels, split.labels)


def test_npz_holds_what_load_data_gives(data, out):
    (path,) = notmnist.export(data, "npz", out)
    (x_train, y_train), (x_test, y_test) = notmnist.load_data("openglyphs")
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["x_test", "x_train", "y_test", "y_train"]
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
        assert np.array_equal(arrays["x_train"], x_train)
        assert np.array_equal(arrays["y_train"], y_train)
        assert np.array_equal(arrays["x_test"], x_test)
        assert np.array_equal(arrays["y_test"], y_test)


def test_mat_is_read_by_scipy_as_programs_for_the_authors_file_do(data, out):
    scipy_io = pytest.importorskip("scipy.io")
    notmnist.export(data, "mat", out)
    assert listing(out) == ["test.mat", "train.mat", "valid.mat"]
    for name in SPLITS:
        split = getattr(data, name)
        content = scipy_io.loadmat(out / f"{name}.mat")
        images, labels = content["images"], content["labels"]
        assert images.shape == (28, 28, len(split))
        assert np.array_equal(images.transpose(2, 0, 1), split.images)
        assert labels.shape == (len(split), 1)
        assert np.array_equal(labels[:, 0], split.labels)
        images /= 255  # in place, which fails for integers
        assert images.max() == 1


def test_a_split_too_large_for_a_mat_file_is_one_clear_line(data, tmp_path):
    pixels = np.broadcast_to(np.uint8(0), (700_000, 28, 28))
    huge = replace(data, train=replace(data.train, images=pixels, labels=pixels[:, 0, 0]))
    with pytest.raises(NotMNISTError, match=r"train has 700,000 images, more than the 2 GB"):
        mat.write(huge, tmp_path)
    assert listing(tmp_path) == []


@pytest.fixture
def datasets():
    return pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed")


def test_parquet_is_read_by_hugging_face_datasets(data, out, datasets, tmp_path):
    notmnist.export(data, "parquet", out)
    files = {name: str(out / f"{name}.parquet") for name in SPLITS}
    read = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    for name in SPLITS:
        rows, split = read[name], getattr(data, name)
        assert isinstance(rows.features["image"], datasets.Image)
        assert rows.features["label"].names == list(LETTERS)
        assert np.array_equal(rows["label"], split.labels)
        assert np.array_equal(rows["font"], split.fonts)
        assert {image.mode for image in rows["image"]} == {"L"}
        assert np.array_equal([np.asarray(image) for image in rows["image"]], split.images)


def test_the_folder_of_parquet_is_a_hugging_face_dataset_of_three_splits(
    data, out, datasets, tmp_path
):
    notmnist.export(data, "parquet", out, counts=(30, 20, 10))
    read = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert read.num_rows == {"train": 30, "validation": 20, "test": 10}
    assert read["train"].features["label"].int2str(9) == "J"


def test_parquet_is_written_in_groups_of_rows_and_is_plain_to_other_programs(data, out):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    notmnist.export(data, "parquet", out)
    file = parquet.ParquetFile(out / "test.parquet")
    assert file.num_row_groups == -(-len(data.test) // 1_000)
    table = file.read()
    assert table.column_names == ["image", "label", "font"]
    assert table["image"][0]["bytes"].as_py().startswith(b"\x89PNG")


def test_the_courses_cell_loads_its_pickle(data, out, python):
    (path,) = notmnist.export(data, "pickle-course", out)
    assert path.name == "notMNIST.pickle"
    # As every assignment of the course begins: unpickle, name the six arrays, print their shapes.
    printed = python(
        "import os, pickle\n"
        f"os.chdir({str(out)!r})\n"
        "with open('notMNIST.pickle', 'rb') as file:\n"
        "    arrays = pickle.load(file)\n"
        "for name in ('train', 'valid', 'test'):\n"
        "    images, labels = arrays[name + '_dataset'], arrays[name + '_labels']\n"
        "    print(images.shape, images.dtype, labels.shape, labels.dtype)\n"
    )
    assert printed.splitlines() == [
        f"({len(split)}, 28, 28) float32 ({len(split)},) int32"
        for split in (data.train, data.valid, data.test)
    ]
    arrays = pickle.loads(path.read_bytes())
    assert len(arrays) == 6
    for name in SPLITS:
        split = getattr(data, name)
        floats = arrays[f"{name}_dataset"]
        assert np.array_equal(floats, ((split.images.astype(float) - 127.5) / 255).astype("f4"))
        assert np.array_equal(np.rint(floats * 255 + 127.5), split.images)
        assert np.array_equal(arrays[f"{name}_labels"], split.labels)
        assert floats.flags.c_contiguous


def test_the_seeds_pickle_holds_what_its_notebooks_unpickle(data, out):
    (path,) = notmnist.export(data, "pickle-seed", out)
    arrays = pickle.loads(path.read_bytes())
    assert list(arrays) == ["train_X", "train_y", "test_X", "test_y", "labels_dict"]
    for name in ("train", "test"):
        split, floats = getattr(data, name), arrays[f"{name}_X"]
        assert floats.dtype == np.float64
        assert np.array_equal(floats * 128 + 128, split.images)
        assert np.array_equal(arrays[f"{name}_y"], split.labels)
    assert arrays["labels_dict"] == dict(enumerate("ABCDEFGHIJ"))


@pytest.mark.parametrize("format", ["pickle-course", "pickle-seed"])
def test_our_safe_reader_reads_both_pickles(data, out, format):
    (path,) = notmnist.export(data, format, out)
    ours, theirs = notmnist.read_pickle(path), pickle.loads(path.read_bytes())
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_floats_are_written_without_holding_them_all(data, out):
    tracemalloc.start()
    (path,) = notmnist.export(data, "pickle-seed", out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4


@pytest.mark.parametrize("format", ["idx", "pickle-course"])
def test_equal_datasets_give_equal_bytes(data, tmp_path, format):
    small = replace(data, **{name: getattr(data, name)[:20] for name in SPLITS})
    one = notmnist.export(small, format, tmp_path / "one")
    other = notmnist.export(small, format, tmp_path / "other")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_counts_take_rows_at_equal_distances(data, out):
    (path,) = notmnist.export(data, "npz", out, counts=(1_000, len(data.test)))
    with np.load(path) as arrays:
        rows = np.linspace(0, len(data.train), 1_000, endpoint=False).astype(int)
        assert np.array_equal(arrays["x_train"], data.train.images[rows])
        assert np.array_equal(arrays["y_train"], data.train.labels[rows])
        assert np.array_equal(arrays["x_test"], data.test.images)


@pytest.mark.parametrize(
    ("format", "counts", "message"),
    [
        ("idx", (10,), r"idx holds train, test: give 2 counts"),
        ("pickle-course", (10, 10), r"pickle-course holds train, valid, test: give 3 counts"),
        ("npz", (10, 0), r"openglyphs has [\d,]+ images in test, not 0"),
        ("npz", (10, -1), r"images in test, not -1"),
        ("mat", (10, 10, 60_000), r"images in test, not 60,000"),
    ],
)
def test_counts_that_do_not_fit_are_refused_and_leave_nothing(
    data, tmp_path, format, counts, message
):
    with pytest.raises(UsageError, match=message):
        notmnist.export(data, format, tmp_path / "out", counts=counts)
    assert listing(tmp_path) == []


def run(capsys, *arguments):
    """Run the command and return its status and what it printed."""
    status = cli.main(["export", *map(str, arguments)])
    return status, capsys.readouterr()


def refused(capsys, *arguments):
    status, printed = run(capsys, *arguments)
    assert printed.err.startswith("notmnist: ") and printed.err.count("\n") == 1
    assert printed.out == ""
    return status, printed.err


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTMNIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_command_prepares_what_is_not_prepared_and_prints_the_files(home, out, capsys):
    status, printed = run(
        capsys, "openglyphs", "--format", "idx", "--out", out, "--counts", 600, 100
    )
    assert status == 0
    assert (home / "openglyphs.joblib").exists()
    assert printed.out.splitlines() == [str(out / name) for name in listing(out)]
    assert len(listing(out)) == 4


def test_an_unknown_format_or_dataset_is_one_line_and_status_2(home, out, capsys):
    status, message = refused(capsys, "openglyphs", "--format", "csv", "--out", out)
    assert (status, "unknown format 'csv': choose idx, npz" in message) == (2, True)
    status, message = refused(capsys, "nope", "--format", "idx", "--out", out)
    assert (status, "unknown dataset 'nope': choose" in message) == (2, True)
    status, message = refused(
        capsys, "openglyphs", "--format", "idx", "--out", out, "--counts", 1, 2, 3
    )
    assert (status, "give 2 counts" in message) == (2, True)
    assert not home.exists()
    assert not out.exists()


def test_the_help_names_every_format(capsys):
    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    assert "{" + ",".join(exports.FORMATS) + "}" in capsys.readouterr().out


def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(home, out, capsys):
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    status, message = refused(capsys, "openglyphs", "--format", "idx", "--out", out)
    assert (status, f"{out} holds something" in message) == (1, True)
    assert listing(out) == ["mine.txt"]
    assert (out / "mine.txt").read_text() == "mine"
    assert not home.exists()


def test_a_file_is_no_folder_to_export_to(home, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        status, message = refused(capsys, "openglyphs", "--format", "idx", "--out", out)
        assert status == 1
        assert str(tmp_path / "file") in message
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_is_filled_but_not_the_current_one(home, out, capsys, monkeypatch):
    out.mkdir()
    monkeypatch.chdir(out)
    status, message = refused(capsys, "openglyphs", "--format", "npz", "--out", ".")
    assert (status, "the current folder" in message) == (1, True)
    monkeypatch.chdir("/")
    status, _ = run(capsys, "openglyphs", "--format", "npz", "--out", out)
    assert (status, listing(out)) == (0, ["openglyphs.npz"])


def test_a_missing_extra_is_named_before_anything_is_prepared(home, out, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, message = refused(capsys, "openglyphs", "--format", "parquet", "--out", out)
    assert status == 1
    assert message.startswith('notmnist: pyarrow is not installed: run pip install -e ".[export]"')
    assert not home.exists()
    assert not out.exists()
