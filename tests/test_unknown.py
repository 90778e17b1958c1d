"""The embedded glyphs that are none of A to J."""

import shutil
from collections import Counter

import numpy as np
import pytest

import notmnist
from notmnist import NotMNISTError, sources
from notmnist.sources import UNKNOWN
from tools.openglyphs.archives import read_archive
from tools.openglyphs.provenance import read_table


@pytest.fixture(scope="module")
def unknown():
    return notmnist.unknown_glyphs()


def test_they_are_the_glyphs_of_the_archive_in_its_order(unknown):
    glyphs = list(read_archive(sources.OPENGLYPHS_UNKNOWN.path))
    characters, fonts, images = zip(*glyphs, strict=True)
    assert tuple(unknown.characters.tolist()) == characters
    assert tuple(unknown.fonts.tolist()) == fonts
    np.testing.assert_array_equal(unknown.images, np.stack(images))
    assert unknown.images.dtype == np.uint8


def test_all_are_there_and_none_is_blank(unknown):
    assert sorted(set(unknown.characters.tolist())) == sorted(UNKNOWN)
    assert min(Counter(unknown.characters.tolist()).values()) > 100
    assert unknown.images.max(axis=(1, 2)).min() > 0


def test_they_are_of_one_font_of_each_family_all_of_them_test_families(unknown):
    rows = {row.font: row for row in read_table()}
    fonts = set(unknown.fonts.tolist())
    assert {rows[font].split for font in fonts} == {"test"}
    assert unknown.families.tolist() == [rows[font].family for font in unknown.fonts]
    assert len(set(unknown.families.tolist())) == len(fonts) == 160


def test_none_has_the_pixels_of_a_letter(unknown):
    data = notmnist.load("openglyphs", dedup="none")
    letters = {
        image.tobytes() for split in (data.train, data.valid, data.test) for image, _ in split
    }
    images = {image.tobytes() for image in unknown.images}
    assert len(images) == len(unknown.images) and not images & letters


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_archive_is_one_clear_line(tmp_path, monkeypatch, damage):
    path = tmp_path / "openglyphs_unknown.tar.gz"
    content = sources.OPENGLYPHS_UNKNOWN.path.read_bytes()
    shutil.copy(sources.EMBEDDED / "provenance.csv", tmp_path)
    if damage != "missing":
        path.write_bytes(content[:-100] if damage == "cut" else content + b"\0")
    monkeypatch.setattr(sources, "EMBEDDED", tmp_path)
    with pytest.raises(NotMNISTError) as caught:
        notmnist.unknown_glyphs()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
