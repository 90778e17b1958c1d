"""Every export is read back by the program that it is for; what can't be exported harms nothing."""

import io
import pickle
import pickletools
import subprocess
import sys
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folders import listing
from PIL import Image

import notmnist
from notmnist import NotMNISTError, UsageError, cli, exports, sources
from notmnist.dataset import Split
from notmnist.sources import LETTERS, SPLITS


@pytest.fixture(scope="module")
def data():
    return notmnist.load("openglyphs")


@pytest.fixture(scope="module")
def few(data):
    """Return a dataset that is small enough for formats with one file per image."""
    return replace(data, train=data.train[:60], valid=data.valid[:40], test=data.test[:40])


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def joined(*splits):
    return Split.joined(splits)


IDX_FILES = [
    "t10k-images-idx3-ubyte",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte",
    "train-labels-idx1-ubyte.gz",
]


def test_idx_is_read_by_a_reader_of_mnist_plain_and_gzipped(data, out):
    mnist = pytest.importorskip("mnist", reason="python-mnist is not installed")
    assert [path.name for path in notmnist.export(data, "idx", out)] == IDX_FILES
    for gzipped in (False, True):
        reader = mnist.MNIST(str(out), gz=gzipped, return_type="numpy")
        for (images, labels), split in (
            (reader.load_training(), joined(data.train, data.valid)),
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


def test_npz_whole_serves_programs_that_take_two_letters_or_one_hot_labels(data, out):
    (path,) = notmnist.export(data, "npz-whole", out)
    assert path.name == "notMNIST.npz"
    whole = joined(data.train, data.valid, data.test)
    with np.load(path) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    assert np.array_equal(images, whole.images)
    assert np.array_equal(labels, whole.labels)
    either = (labels == 2) + (labels == 9)
    target = labels[either].reshape(-1, 1)
    target[target == 2] = 1
    target[target == 9] = 0
    assert (-target).min() == -1
    one_hot = np.zeros((len(labels), 10))
    one_hot[np.arange(len(labels)), labels] = 1
    assert np.array_equal(one_hot.argmax(axis=1), whole.labels)


def test_mat_is_read_by_scipy_as_programs_for_the_authors_file_do(data, out):
    scipy_io = pytest.importorskip("scipy.io")
    notmnist.export(data, "mat", out)
    splits = {f"{name}.mat": getattr(data, name) for name in SPLITS}
    splits["openglyphs.mat"] = joined(data.train, data.valid, data.test)
    assert listing(out) == sorted(splits)
    for name, split in splits.items():
        content = scipy_io.loadmat(out / name)
        images, labels = content["images"], content["labels"]
        assert images.shape == (28, 28, len(split))
        assert np.array_equal(images.transpose(2, 0, 1), split.images)
        assert labels.shape == (len(split),)
        assert np.array_equal(labels, split.labels)
        images /= 255  # in place, which fails for integers
        assert images.max() == 1


def test_the_file_of_all_images_is_called_as_its_author_called_it(few, out):
    notmnist.export(replace(few, name="notmnist-small"), "mat", out)
    assert listing(out) == ["notMNIST_small.mat", "test.mat", "train.mat", "valid.mat"]


def test_more_images_than_a_mat_file_can_hold_is_one_clear_line(data, tmp_path):
    pixels = np.broadcast_to(np.uint8(0), (700_000, 28, 28))
    split = replace(data.train, images=pixels, labels=pixels[:, 0, 0])
    with pytest.raises(
        NotMNISTError, match=r"openglyphs has 70\d,\d{3} images, more than the 684,"
    ):
        notmnist.export(replace(data, train=split), "mat", tmp_path / "out")
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


def test_parquet_is_written_in_groups_of_rows_and_is_plain_to_pandas(data, out):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    notmnist.export(data, "parquet", out)
    file = parquet.ParquetFile(out / "test.parquet")
    assert file.num_row_groups == -(-len(data.test) // 1_000)
    table = pandas.read_parquet(out / "test.parquet")
    assert table.columns.tolist() == ["image", "label", "font"]
    assert np.array_equal(table["label"], data.test.labels)
    decoded = Image.open(io.BytesIO(table["image"][7]["bytes"]))
    assert np.array_equal(decoded, data.test.images[7])


@pytest.fixture(scope="module")
def published():
    """Read the embedded archives with Python's own tar reader: pixels by letter and name."""
    members = {}
    for archive in (sources.OPENGLYPHS_LARGE, sources.OPENGLYPHS_SMALL):
        with tarfile.open(archive.path) as tar:
            for member in tar:
                if member.isfile():
                    name = "/".join(Path(member.name).parts[-2:])
                    members[name] = tar.extractfile(member).read()
    return members


def test_the_folder_has_the_archives_names_and_images_and_nothing_else(few, out, published):
    assert [path.name for path in notmnist.export(few, "folder", out)] == sorted(SPLITS)
    for name in SPLITS:
        paths = [path for path in (out / name).rglob("*") if path.is_file()]
        assert len(paths) == len(getattr(few, name))
        assert listing(out / name) == list(LETTERS)
        for path in paths:
            original = published[f"{path.parent.name}/{path.name}"]
            with Image.open(path) as ours, Image.open(io.BytesIO(original)) as theirs:
                assert ours.mode == "L"
                assert np.array_equal(ours, theirs)


def test_a_letters_font_that_repeats_has_a_number_behind_its_name(few, out):
    names = np.array(["a.ttf", "b??", "e.ttf"])  # base64 of the second would have a slash
    font_index = np.array([0, 0, 1, 0], np.int32)
    labels = np.array([3, 3, 3, 4], np.uint8)
    split = replace(
        few.train[:4], labels=labels, font_index=font_index, font_names=names, font_families=names
    )
    notmnist.export(replace(few, train=split), "folder", out)
    assert listing(out / "train" / "D") == ["YS50dGY=-2.png", "YS50dGY=.png", "Yj8_.png"]
    assert listing(out / "train" / "E") == ["YS50dGY=.png"]
    with Image.open(out / "train" / "D" / "YS50dGY=-2.png") as second:
        assert np.array_equal(second, split.images[1])


def test_names_that_differ_by_case_alone_stay_apart_everywhere(few, out):
    names = np.array(["aaa", "aaG"])  # YWFh and YWFH in base64
    split = replace(
        few.train[:2],
        labels=np.zeros(2, np.uint8),
        font_index=np.array([0, 1], np.int32),
        font_names=names,
        font_families=names,
    )
    notmnist.export(replace(few, train=split), "folder", out)
    assert listing(out / "train" / "A") == ["YWFH-2.png", "YWFh.png"]


def test_keras_reads_the_folder(few, out):
    keras = pytest.importorskip("keras")
    notmnist.export(few, "folder", out)
    read = keras.utils.image_dataset_from_directory(
        out / "train", color_mode="grayscale", image_size=(28, 28), shuffle=False, verbose=False
    )
    assert read.class_names == list(LETTERS)
    images, labels = (np.concatenate(part) for part in zip(*read.as_numpy_iterator(), strict=True))
    assert sorted_rows(images[..., 0], labels) == sorted_rows(few.train.images, few.train.labels)


def test_hugging_face_reads_the_folder(few, out, datasets, tmp_path):
    notmnist.export(few, "folder", out)
    read = datasets.load_dataset(
        "imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache")
    )
    for name, split in (("train", few.train), ("validation", few.valid), ("test", few.test)):
        images = np.array([np.asarray(image) for image in read[name]["image"]])
        assert sorted_rows(images, read[name]["label"]) == sorted_rows(split.images, split.labels)


def sorted_rows(images, labels):
    """Programs read a folder in the order of its names, so rows are compared as a set."""
    return sorted(
        (int(label), image.astype(np.uint8).tobytes())
        for image, label in zip(images, labels, strict=True)
    )


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
        assert floats.flags.c_contiguous and floats.flags.writeable


def test_the_seeds_pickle_is_used_as_its_notebooks_use_it(data, out, monkeypatch):
    notmnist.export(data, "pickle-seed", out / "data")
    monkeypatch.chdir(out)
    with open("data/notMNIST.pickle", "rb") as file:
        arrays = pickle.load(file)
    assert list(arrays) == ["train_X", "train_y", "test_X", "test_y", "labels_dict"]
    for name, split in (("train", joined(data.train, data.valid)), ("test", data.test)):
        floats = arrays[f"{name}_X"]
        assert (floats.dtype, floats.shape) == (np.float64, (len(split), 784))
        assert np.array_equal((floats * 128 + 128).reshape(-1, 28, 28), split.images)
        assert np.array_equal(arrays[f"{name}_y"], split.labels)
    # Batches of a thousand are fed as they are, and letters are looked up for captions.
    assert arrays["train_X"][:1_000].shape == (1_000, 784)
    letter_of = dict(zip(arrays["labels_dict"].values(), arrays["labels_dict"].keys(), strict=True))
    captions = [letter_of[int(label)] for label in arrays["test_y"][:20]]
    assert captions == [LETTERS[label] for label in data.test.labels[:20]]
    assert len(arrays["labels_dict"]) == 10


@pytest.mark.parametrize("format", ["pickle-course", "pickle-seed"])
def test_a_pickle_asks_for_nothing_that_numpy_1_or_python_3_4_lacks(few, out, format):
    (path,) = notmnist.export(few, format, out)
    opcodes = [(opcode, value) for opcode, value, _ in pickletools.genops(path.read_bytes())]
    assert max(opcode.proto for opcode, _ in opcodes) == 4
    assert {value for opcode, value in opcodes if opcode.name == "GLOBAL"} == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
    }


@pytest.mark.parametrize("format", ["pickle-course", "pickle-seed"])
def test_our_safe_reader_reads_both_pickles(data, out, format):
    (path,) = notmnist.export(data, format, out)
    ours, theirs = notmnist.read_pickle(path), pickle.loads(path.read_bytes())
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("format", ["idx", "npz", "npz-whole", "mat", "pickle-seed"])
def test_images_are_written_without_holding_them_all(data, out, format):
    tracemalloc.start()
    notmnist.export(data, format, out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A thousand images as float64 have 6 MB; all of them as uint8 have 16.
    assert peak < data.train.images.nbytes


@pytest.mark.parametrize("format", sorted({*exports.FORMATS} - {"parquet"}))
def test_equal_datasets_give_equal_bytes(few, tmp_path, format):
    folders = tmp_path / "one", tmp_path / "other"
    one, other = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in folders
        if notmnist.export(few, format, folder)
    )
    assert one and one == other


def test_validation_follows_training_where_a_format_has_no_place_for_it_or_is_left_out(few, out):
    for valid, rows in (("join", joined(few.train, few.valid)), ("drop", few.train)):
        (path,) = notmnist.export(few, "npz", out / valid, valid=valid)
        with np.load(path) as arrays:
            assert np.array_equal(arrays["x_train"], rows.images)
            assert np.array_equal(arrays["y_train"], rows.labels)
            assert np.array_equal(arrays["x_test"], few.test.images)


def test_counts_take_rows_at_equal_distances_from_all_that_are_joined(data, out):
    (path,) = notmnist.export(data, "npz", out, counts=(1_000, len(data.test)))
    train = joined(data.train, data.valid)
    with np.load(path) as arrays:
        rows = np.linspace(0, len(train), 1_000, endpoint=False).astype(int)
        assert np.array_equal(arrays["x_train"], train.images[rows])
        assert np.array_equal(arrays["y_train"], train.labels[rows])
        assert np.array_equal(arrays["x_test"], data.test.images)


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("idx", {"counts": (10,)}, r"idx has the splits train, test: give one count for each"),
        (
            "npz-whole",
            {"counts": (10, 10)},
            r"npz-whole has the splits whole: give one count for each",
        ),
        (
            "pickle-course",
            {"counts": (10, 10)},
            r"pickle-course has the splits train, valid, test: give one",
        ),
        ("npz", {"counts": (10, 0)}, r"openglyphs has [\d,]+ images in test, not 0"),
        ("npz", {"counts": (10, -1)}, r"images in test, not -1"),
        ("mat", {"counts": (10, 10, 60_000)}, r"images in test, not 60,000: give 1 to 3,494"),
        ("npz", {"valid": "keep"}, r"unknown choice 'keep' .*: choose join, drop"),
        (
            "mat",
            {"valid": "drop"},
            r"mat has a validation split of its own: only idx, npz, pickle-seed",
        ),
    ],
)
def test_what_does_not_fit_the_format_is_refused_and_leaves_nothing(
    data, tmp_path, format, options, message
):
    with pytest.raises(UsageError, match=message):
        notmnist.export(data, format, tmp_path / "out", **options)
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
    assert printed.out.splitlines() == [str(out / name) for name in IDX_FILES]


@pytest.mark.parametrize("policy", ["none", "all"])
def test_the_command_leaves_out_the_copies_that_load_does(tmp_path, capsys, policy):
    data = notmnist.load("openglyphs", dedup=policy)
    status, _ = run(
        capsys, "openglyphs", "--format", "npz", "--out", tmp_path / "out",
        "--dedup", policy, "--valid", "drop",
    )  # fmt: skip
    assert status == 0
    with np.load(tmp_path / "out" / "openglyphs.npz") as arrays:
        assert np.array_equal(arrays["y_train"], data.train.labels)
        assert np.array_equal(arrays["y_test"], data.test.labels)


def test_unknown_words_are_one_line_and_status_2(home, out, capsys):
    for arguments, message in (
        (["openglyphs", "--format", "csv"], "unknown format 'csv': choose idx, npz"),
        (["nope", "--format", "idx"], "unknown dataset 'nope': choose"),
        (["openglyphs", "--format", "idx", "--counts", 1, 2, 3], "give one count for each"),
        (["openglyphs", "--format", "idx", "--dedup", "some"], "unknown dedup policy 'some'"),
        (["openglyphs", "--format", "idx", "--valid", "some"], "unknown choice 'some'"),
    ):
        status, printed = refused(capsys, *arguments, "--out", out)
        assert (status, message in printed) == (2, True)
    assert not home.exists()
    assert not out.exists()


def test_the_help_names_and_describes_every_format(capsys):
    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    printed = capsys.readouterr().out
    assert "{" + ",".join(exports.FORMATS) + "}" in printed
    assert all(format.description in printed for format in exports.FORMATS.values())


def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(home, out, capsys):
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    status, message = refused(capsys, "openglyphs", "--format", "idx", "--out", out)
    assert (status, f"{out} is not empty" in message) == (1, True)
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


def test_of_two_exports_into_one_folder_one_wins_whole(few, data, tmp_path):
    command = [sys.executable, "-m", "notmnist", "export", "openglyphs", "--format"]
    ends = [
        subprocess.Popen([*command, format, "--out", tmp_path / "out"], stderr=subprocess.PIPE)
        for format in ("npz", "pickle-seed")
    ]
    errors = [end.communicate()[1].decode() for end in ends]
    assert sorted(end.returncode for end in ends) == [0, 1]
    (message,) = filter(None, errors)
    assert message.startswith("notmnist: ") and message.count("\n") == 1
    winner = "openglyphs.npz" if ends[0].returncode == 0 else "notMNIST.pickle"
    assert listing(tmp_path) == ["out"] and listing(tmp_path / "out") == [winner]
    alone = notmnist.export(data, {"o": "npz", "n": "pickle-seed"}[winner[0]], tmp_path / "alone")
    assert (tmp_path / "out" / winner).read_bytes() == alone[0].read_bytes()


def test_a_missing_extra_is_named_before_anything_is_prepared(home, out, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, message = refused(capsys, "openglyphs", "--format", "parquet", "--out", out)
    assert status == 1
    assert message.startswith('notmnist: pyarrow is not installed: run pip install -e ".[export]"')
    assert not home.exists()
    assert not out.exists()
