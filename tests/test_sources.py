"""The registry says what is published, and an unknown name says what there is."""

import re
from dataclasses import replace

import pytest

from notmnist import UsageError, sources, splits
from notmnist.sources import DATASETS, LETTERS

ARCHIVES = {
    archive.filename: archive for source in DATASETS.values() for archive, _ in source.parts
}
GENUINE = ("notMNIST_large.tar.gz", "notMNIST_small.tar.gz")


def test_the_three_datasets_are_there():
    assert list(DATASETS) == ["openglyphs", "notmnist-small", "notmnist"]


@pytest.mark.parametrize(("filename", "images", "unreadable"), [
    ("notMNIST_large.tar.gz", 529_114, 5),
    ("notMNIST_small.tar.gz", 18_724, 2),
])  # fmt: skip
def test_the_genuine_archives_have_the_published_counts(filename, images, unreadable):
    archive = ARCHIVES[filename]
    assert sum(archive.counts.values()) == images
    assert len(archive.unreadable) == unreadable
    assert list(archive.counts) == list(archive.means) == list(LETTERS)


@pytest.mark.parametrize("filename", GENUINE)
def test_the_genuine_archives_have_mirrors_of_their_name_and_a_way_by_hand(filename):
    archive = ARCHIVES[filename]
    assert len(archive.urls) == 3
    assert all(url.endswith(f"/{filename}") for url in archive.urls)
    assert archive.by_hand


@pytest.mark.parametrize("filename", GENUINE)
def test_the_genuine_archives_come_as_zip_files_too_when_no_mirror_has_their_own_file(filename):
    own, other = ARCHIVES[filename].packings
    assert (own.filename, own.size) == (filename, ARCHIVES[filename].size)
    assert own.digest == f"sha256:{ARCHIVES[filename].sha256}"
    assert other.filename == filename.replace(".tar.gz", ".zip")
    assert other.urls == (f"https://zenodo.org/record/8274268/files/{other.filename}",)
    assert re.fullmatch("md5:[0-9a-f]{32}", other.digest)


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES)
def test_every_archive_is_identified(archive):
    assert archive.size > 0
    assert re.fullmatch("[0-9a-f]{64}", archive.sha256)
    assert bool(archive.path) != bool(archive.urls)


def test_every_rule_is_one_that_splits_knows():
    rules = {rule for source in DATASETS.values() for _, rule in source.parts}
    assert rules == splits.RULES.keys()


@pytest.mark.parametrize("name", ["mnist", "NOTMNIST", "", None, ["notmnist"]])
def test_an_unknown_name_is_one_clear_line_that_lists_the_known_ones(name):
    with pytest.raises(UsageError) as caught:
        sources.find(name)
    expected = f"unknown dataset {name!r}: choose openglyphs, notmnist-small, notmnist"
    assert str(caught.value) == expected


def test_a_record_of_ones_own_is_taken_as_it_is():
    own = replace(DATASETS["notmnist"], name="own")
    assert sources.find(own) is own
