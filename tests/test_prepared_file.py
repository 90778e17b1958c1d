"""The prepared file: any user opens it with joblib, and the package maps it as its card says."""

import joblib
import numpy as np
import pytest
from archives import letters, record, source_of, tar_gz

import notmnist
from notmnist import NotMNISTError
from notmnist.prepared import layout
from notmnist.sources import SPLITS

COLUMNS = ("images", "labels", "font_index")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    archive = tar_gz(tmp_path_factory.mktemp("archives") / "letters.tar.gz", letters())
    return source_of(record(archive, path=archive))


@pytest.fixture(scope="module")
def home(source, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    notmnist.prepare(source, home=home)
    return home


def test_anybody_can_open_the_file_with_joblib(source, home):
    opened = joblib.load(home / "letters.joblib", mmap_mode="r")
    assert type(opened) is dict
    assert all(isinstance(array, np.memmap) for array in opened.values())
    data = notmnist.load(source, home=home, dedup="none")
    parts = [getattr(data, name) for name in SPLITS]
    for column in COLUMNS:
        ours = np.concatenate([getattr(part, column) for part in parts])
        assert opened[column].dtype == ours.dtype
        assert np.array_equal(opened[column], ours)
    assert np.array_equal(opened["font_names"], data.train.font_names)
    assert np.array_equal(opened["font_families"], data.train.font_families)


def test_the_card_states_where_joblib_finds_the_arrays(source, home):
    opened = joblib.load(home / "letters.joblib", mmap_mode="r")
    assert notmnist.verify(source, home=home)["arrays"] == {
        name: {"dtype": array.dtype.str, "shape": list(array.shape), "offset": array.offset}
        for name, array in opened.items()
    }


def test_the_file_is_hardly_larger_than_its_arrays(home):
    arrays = joblib.load(home / "letters.joblib").values()
    size = (home / "letters.joblib").stat().st_size
    assert size < sum(array.nbytes for array in arrays) + 2000


def test_loading_what_is_prepared_imports_no_joblib(tmp_path, python):
    notmnist.prepare("openglyphs", home=tmp_path)
    shown = python(
        "import sys, notmnist\n"
        f"data = notmnist.load('openglyphs', home={str(tmp_path)!r})\n"
        "print(data.train.images[0].shape, 'joblib' in sys.modules)"
    )
    assert shown == "(28, 28) False\n"


def test_a_file_that_cannot_be_mapped_is_one_line_with_a_remedy(source, home, tmp_path):
    places = notmnist.verify(source, home=home)["arrays"]
    (tmp_path / "short").write_bytes(b"short")
    for path in (tmp_path / "short", tmp_path / "missing", tmp_path):
        with pytest.raises(NotMNISTError) as caught:
            layout.read(path, places)
        message = str(caught.value)
        assert message.startswith(f"cannot map {path} ") and "prepare the dataset again" in message
        assert "\n" not in message
