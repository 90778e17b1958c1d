"""The whole way of an archive, of the genuine small one and of one made here."""

import hashlib
import pickle
import tarfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from archives import letters, pack, record, source_of, tar_gz
from server import ranged

import notmnist
from notmnist import NotMNISTError, sources
from notmnist.sources import NOTMNIST_SMALL, SPLITS, Packing


def all_of(data):
    return [getattr(data, name) for name in SPLITS]


def test_the_genuine_archive_holds_what_is_published(genuine_home):
    card = notmnist.verify("notmnist-small", home=genuine_home)
    (entry,) = card["archives"]
    assert entry["published"] is False  # it was packed again
    assert entry["images"] == 18_724
    assert entry["per_letter"] == sources.NOTMNIST_SMALL.counts
    assert entry["means"] == pytest.approx(sources.NOTMNIST_SMALL.means, abs=1e-6)
    assert entry["unreadable"] == [
        "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
        "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
    ]
    assert card["fonts"] == 1873


def test_the_genuine_duplicates_are_those_that_were_measured(genuine_home):
    report = notmnist.prepare("notmnist-small", home=genuine_home, groups=True)["duplicates"]
    names = ("distinct", "groups", "grouped", "largest", "conflicting_groups", "conflicting_images")
    assert report["images"] == 18_724
    assert [report[name] for name in names] == [18_232, 236, 728, 254, 2, 8]
    near = report["near"]
    assert (near["threshold"], near["pairs"]) == (0.85, 600)
    assert [near[name] for name in names] == [18_103, 295, 916, 321, 2, 8]
    clean = notmnist.load("notmnist-small", home=genuine_home).clean_test
    assert (~clean).sum() == 84


def test_the_genuine_splits_share_no_font_and_have_the_stated_sizes(genuine_home):
    data = notmnist.load("notmnist-small", home=genuine_home, dedup="none")
    # 13,010 / 1,970 / 3,746 files, less the two unreadable ones.
    assert [len(split) for split in all_of(data)] == [13_009, 1_970, 3_745]
    fonts = Counter(font for split in all_of(data) for font in set(split.fonts))
    assert set(fonts.values()) == {1}
    means = {
        letter: np.concatenate([s.images[s.labels == i] for s in all_of(data)]).mean()
        for i, letter in enumerate(sources.LETTERS)
    }
    expected = {k: mean * 255 + 127.5 for k, mean in sources.NOTMNIST_SMALL.means.items()}
    assert means == pytest.approx(expected, abs=1e-3)


def test_openglyphs_is_tested_on_the_genuine_small_too_once_that_is_prepared(genuine_home):
    data = notmnist.load("openglyphs", home=genuine_home)
    tests = notmnist.test_sets(data, home=genuine_home)
    assert list(tests) == ["openglyphs", "notmnist-small", "notmnist-small-clean"]
    assert len(tests["notmnist-small"]) == 18_724
    training = {image.tobytes() for image in data.train.images}
    expected = [
        image for image in tests["notmnist-small"].images if image.tobytes() not in training
    ]
    assert np.array_equal(tests["notmnist-small-clean"].images, expected)


@pytest.fixture(scope="module")
def members(genuine):
    with tarfile.open(genuine) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}


@pytest.fixture(scope="module")
def zipped(members, tmp_path_factory):
    return pack(tmp_path_factory.mktemp("zipped") / "notMNIST_small.zip", members)


def test_the_genuine_letters_give_the_same_pickle_in_a_zip_that_another_mirror_serves(
    genuine_home, zipped, server, tmp_path
):
    body = zipped.read_bytes()
    url = server.serve(zipped.name, ranged(body, cut=len(body) // 3), ranged(body))
    packing = Packing(zipped.name, (url,), f"md5:{hashlib.md5(body).hexdigest()}")
    served = replace(NOTMNIST_SMALL, urls=(), other_packings=(packing,))
    source = replace(sources.find("notmnist-small"), parts=((served, "font-tenths"),))
    prepared = notmnist.verify("notmnist-small", home=genuine_home)["pickle"]
    card = notmnist.prepare(source, home=tmp_path)
    assert server.requests[1]["Range"] == f"bytes={len(body) // 3}-"
    assert card["archives"][0]["sha256"] == record(zipped).sha256
    assert card["pickle"]["sha256"] == prepared["sha256"]


def test_they_do_in_a_folder_with_other_files_and_without_the_broken_ones(
    genuine_home, members, tmp_path
):
    junk = {"notMNIST_small/.DS_Store": b"?", "notMNIST_small/A.pickle": bytes(100_000)}
    sound = {name: content for name, content in members.items() if content}
    prepared = notmnist.verify("notmnist-small", home=genuine_home)["pickle"]
    folder = pack(tmp_path / "unpacked", sound | junk)
    card = notmnist.prepare("notmnist-small", home=tmp_path / "home", archive=folder)
    assert (card["archives"][0]["unreadable"], card["archives"][0]["aside"]) == ([], 2)
    assert card["pickle"]["sha256"] == prepared["sha256"]


def test_a_genuine_archive_that_lacks_letters_is_refused_whatever_is_skipped(members, tmp_path):
    fewer = {name: content for name, content in members.items() if name[15] not in "IJ"}
    path = pack(tmp_path / "notMNIST_small.tar", fewer | {"notMNIST_small/A/odd.png": b"?"})
    with pytest.raises(NotMNISTError, match=r"I 0 instead of 1,872, J 0 instead of 1,872"):
        notmnist.prepare("notmnist-small", home=tmp_path / "home", archive=path, on_error="skip")


@pytest.fixture(params=["made here", "genuine"])
def archive(request, tmp_path):
    """An archive, described as its source would publish it."""
    if request.param == "genuine":
        path = request.getfixturevalue("genuine")
        small = sources.NOTMNIST_SMALL
        return path, replace(
            record(path), counts=small.counts, means=small.means, unreadable=small.unreadable
        )
    path = tar_gz(tmp_path / "letters.tar.gz", letters())
    return path, record(path)


def test_a_served_archive_is_resumed_verified_prepared_and_loaded_without_its_server(
    archive, server, tmp_path, python
):
    path, published = archive
    body = path.read_bytes()
    url = server.serve(path.name, ranged(body, cut=len(body) // 2), ranged(body))
    served = source_of(replace(published, urls=(url,)), name="served")
    home = tmp_path / "home"
    data = notmnist.load(served, home=home)
    assert server.requests[1]["Range"] == f"bytes={len(body) // 2}-"
    assert server.sent == len(body)
    assert data.card["archives"][0]["published"] is True
    assert notmnist.verify(served, home=home) == data.card

    server.stop()
    (tmp_path / "served.pickle").write_bytes(pickle.dumps(served))
    shown = python(
        "import notmnist, pickle\n"
        f"served = pickle.load(open({str(tmp_path / 'served.pickle')!r}, 'rb'))\n"
        f"data = notmnist.load(served, home={str(home)!r})\n"
        "print(len(data.train), len(data.valid), len(data.test), sum(data.test.labels.tolist()))"
    )
    expected = [*map(len, all_of(data)), sum(data.test.labels.tolist())]
    assert shown.split() == [str(number) for number in expected]
