"""The embedded glyphs beside the dataset: K to Z with the digits, and the small letters a to j."""

import shutil
from collections import Counter

import numpy as np
import pytest

import notmnist
from notmnist import NotMNISTError, sources
from notmnist.deduplication import near_pairs
from notmnist.sources import LOWERCASE, UNKNOWN
from tools.openglyphs.archives import read_archive
from tools.openglyphs.provenance import read_table

# What loads the glyphs, where they are, their characters, their split and the number of fonts.
KINDS = {
    "unknown": (notmnist.unknown_glyphs, sources.OPENGLYPHS_UNKNOWN, UNKNOWN, "test", 160),
    "lowercase": (notmnist.lowercase_glyphs, sources.OPENGLYPHS_LOWERCASE, LOWERCASE, "train", 721),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def loaded():
    return {kind: load() for kind, (load, *_) in KINDS.items()}


@pytest.fixture(scope="module")
def data():
    return notmnist.load("openglyphs", dedup="none")


@each_kind
def test_they_are_the_glyphs_of_the_archive_in_its_order(loaded, kind):
    glyphs, archive = loaded[kind], KINDS[kind][1]
    characters, fonts, images = zip(*read_archive(archive.path), strict=True)
    assert tuple(glyphs.characters.tolist()) == characters
    assert tuple(glyphs.fonts.tolist()) == fonts
    np.testing.assert_array_equal(glyphs.images, np.stack(images))
    assert glyphs.images.dtype == np.uint8 and glyphs.images.shape[1:] == (28, 28)
    assert archive.path.stat().st_size == archive.size < 2_000_000


@each_kind
def test_all_are_there_and_none_is_blank(loaded, kind):
    counts = Counter(loaded[kind].characters.tolist())
    assert sorted(counts) == sorted(KINDS[kind][2])
    assert min(counts.values()) > 100
    assert loaded[kind].images.max(axis=(1, 2)).min() > 0


@each_kind
def test_they_are_of_one_font_of_each_family_all_of_them_of_one_split(loaded, kind):
    glyphs, (*_, split, count) = loaded[kind], KINDS[kind]
    rows = {row.font: row for row in read_table()}
    fonts = set(glyphs.fonts.tolist())
    assert {rows[font].split for font in fonts} == {split}
    assert glyphs.families.tolist() == [rows[font].family for font in glyphs.fonts]
    assert len(set(glyphs.families.tolist())) == len(fonts) == count


def test_the_small_letters_are_of_training_families_alone(loaded, data):
    families = set(loaded["lowercase"].families.tolist())
    assert families <= set(data.train.families)
    assert not families & {*data.valid.families, *data.test.families}


def test_no_image_is_a_letters_or_occurs_twice(loaded, data):
    letters = {
        image.tobytes() for split in (data.train, data.valid, data.test) for image, _ in split
    }
    others = [image.tobytes() for glyphs in loaded.values() for image in glyphs.images]
    assert len(set(others)) == len(others) and not letters & set(others)


def test_no_small_letter_is_a_near_duplicate_of_what_models_are_measured_on(loaded, data):
    held_out = (data.valid.images, data.test.images, loaded["unknown"].images)
    pairs = near_pairs(loaded["lowercase"].images, np.concatenate(held_out))
    assert len(pairs.first) == 0


@each_kind
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_archive_is_one_clear_line(tmp_path, monkeypatch, kind, damage):
    load, archive = KINDS[kind][:2]
    path = tmp_path / archive.filename
    content = archive.path.read_bytes()
    shutil.copy(sources.EMBEDDED / "provenance.csv", tmp_path)
    if damage != "missing":
        path.write_bytes(content[:-100] if damage == "cut" else content + b"\0")
    monkeypatch.setattr(sources, "EMBEDDED", tmp_path)
    with pytest.raises(NotMNISTError) as caught:
        load()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
