"""Archives to arrays: real tar.gz files, whole, odd, broken and hostile."""

import gzip
import io
import random
import string
import tarfile
from pathlib import Path

import numpy as np
import pytest
from archives import BROKEN, FONTS, letters, letters_with_copies, member, noise, png, record, tar_gz
from hypothesis import given
from hypothesis import strategies as st

from notmnist import NotMNISTError
from notmnist.archives.extraction import extract
from notmnist.archives.members import MAX_SKIPPED, font_name
from notmnist.sources import Archive

GOOD = png(noise(0))
ANY = Archive("letters.tar.gz", 0, "")


def extracted(folder, members, archive=ANY, on_error="raise"):
    return extract(tar_gz(folder / "letters.tar.gz", members), archive, on_error)


def refusal(path, archive=ANY, on_error="raise"):
    """Read what must be refused, and return the message once it is known to be helpful."""
    with pytest.raises(NotMNISTError) as caught:
        extract(path, archive, on_error)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    remedies = ("fetch", "give", "get", "pack", "replace", "move")
    assert message.rpartition(": ")[2].startswith(remedies)
    return message


def images_of(content):
    return content.images[content.rows]


def fonts_of(content):
    return [content.fonts[number] for number in content.font_index]


def same(one, other):
    return (
        np.array_equal(images_of(one), images_of(other))
        and np.array_equal(one.labels, other.labels)
        and fonts_of(one) == fonts_of(other)
    )


def test_images_labels_and_fonts_are_those_of_the_files(tmp_path):
    content = extracted(tmp_path, letters(FONTS[:2]))
    assert np.array_equal(images_of(content), [noise(i) for i in range(20)])
    assert content.labels.tolist() == [i // 2 for i in range(20)]
    assert fonts_of(content) == [b"Font 00.ttf", b"Font 01.ttf"] * 10
    assert content.unreadable == content.skipped == []


def test_archives_of_unknown_size_are_read_whole(tmp_path):
    content = extracted(tmp_path, letters([f"{i:03d}.ttf" for i in range(110)]))
    expected = {noise(i).tobytes() for i in range(1100)}
    assert {image.tobytes() for image in content.images} == expected


def test_the_order_of_the_archive_does_not_matter(tmp_path):
    pairs = list(letters_with_copies().items())
    archive = Archive("letters.tar.gz", 0, "", unreadable=frozenset({BROKEN.partition("/")[2]}))
    one = extracted(tmp_path, pairs, archive)
    random.Random(0).shuffle(pairs)
    assert same(one, extracted(tmp_path, pairs, archive))


@pytest.mark.parametrize("prefix", ["", "./", "a/b/c/", "A/B/"])
def test_only_the_last_folder_counts_and_nothing_is_written(tmp_path, prefix):
    content = extracted(tmp_path, {f"{prefix}C/MDEtMDEtMDAudHRm.png": GOOD})
    assert content.labels.tolist() == [2]
    assert content.fonts == [b"01-01-00.ttf"]
    assert [path.name for path in tmp_path.iterdir()] == ["letters.tar.gz"]


@pytest.mark.parametrize(
    ("stem", "font"),
    [
        ("MDEtMDEtMDAudHRm", b"01-01-00.ttf"),
        ("not base64!", b"not base64!"),
        ("MDEtMDEtMDAudHR", b"MDEtMDEtMDAudHR"),
        ("", b""),
        ("\u00e9", "\u00e9".encode()),
        ("\udcff\udcfe", b"\xff\xfe"),
    ],
)
def test_a_font_is_its_decoded_name_or_the_raw_name_where_that_is_not_base64(stem, font):
    assert font_name(stem.encode("utf-8", "surrogateescape")) == font


@given(st.text(string.ascii_letters + string.digits + " -_.", min_size=1))
def test_every_font_name_comes_back_from_base64(name):
    stem = member(name).rpartition("/")[2].removesuffix(".png")
    assert font_name(stem.encode()) == name.encode()


def test_known_unreadable_members_pass_and_are_named(tmp_path):
    archive = Archive("letters.tar.gz", 0, "", unreadable=frozenset({"A/known.png"}))
    content = extracted(tmp_path, {"A/known.png": b"", "A/good.png": GOOD}, archive)
    assert content.unreadable == ["A/known.png"]
    assert len(content.labels) == 1


def link(kind, name="A/link.png", target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ODD = {
    "empty": ("A/x.png", b"", "fetch"),
    "web page": ("A/x.png", b"<html>" * 20, "fetch"),
    "cut short": ("A/x.png", GOOD[:-200], "fetch"),
    "one wrong bit": ("A/x.png", GOOD[:80] + bytes([GOOD[80] ^ 1]) + GOOD[81:], "fetch"),
    "27 x 28": ("A/x.png", png(np.zeros((27, 28), np.uint8)), "fetch"),
    "RGB": ("A/x.png", png(np.zeros((28, 28, 3), np.uint8)), "fetch"),
    "huge file": ("A/x.png", GOOD + bytes(70_000), "elsewhere"),
    "another file in a letter": ("A/README", b"hello", "move"),
    "folder K": ("K/x.png", GOOD, "move"),
    "folder a": ("a/x.png", GOOD, "move"),
    "folder AB": ("AB/x.png", GOOD, "move"),
    "no folder": ("x.png", GOOD, "move"),
    "folder within": ("A/B/sub/x.png", GOOD, "move"),
    "absolute path": ("/letters/A/x.png", GOOD, "pack the letter folders"),
    "path out of the archive": ("letters/../../A/x.png", GOOD, "pack the letter folders"),
    "path to another disk": ("C:/A/x.png", GOOD, "pack the letter folders"),
    "name too long": (f"A/{'x' * 260}.png", GOOD, "elsewhere"),
    "name cut": ("A/".ljust(100, "x"), GOOD, "newer format"),
    "second of its name": ("other/A/good.png", GOOD, "every file once"),
    "symbolic link": (link(tarfile.SYMTYPE), b"", "replace"),
    "symbolic link to a folder": (link(tarfile.SYMTYPE, "letters/B"), b"", "replace"),
    "hard link": (link(tarfile.LNKTYPE, target="A/good.png"), b"", "replace"),
    "device": (link(tarfile.CHRTYPE), b"", "replace"),
    "pipe": (link(tarfile.FIFOTYPE), b"", "replace"),
}
every_oddity = pytest.mark.parametrize(("name", "content", "remedy"), ODD.values(), ids=ODD)


@every_oddity
def test_an_odd_member_is_an_error_that_names_it_and_its_remedy(tmp_path, name, content, remedy):
    path = tar_gz(tmp_path / "letters.tar.gz", [("A/good.png", GOOD), (name, content)])
    message = refusal(path)
    assert f"member {getattr(name, 'name', name)!r} can't be used (" in message
    assert remedy in message.rpartition("): ")[2]
    assert ("--skip-unreadable" in message) == (remedy in ("fetch", "move"))


@every_oddity
def test_an_odd_member_is_left_out_and_counted_under_skip(tmp_path, name, content, remedy):
    pairs = [("A/good.png", GOOD), (name, content), ("A/last.png", GOOD)]
    content = extracted(tmp_path, pairs, on_error="skip")
    assert len(content.labels) == 2
    assert len(content.skipped) == 1


def test_a_member_name_that_is_not_utf8_is_kept_byte_for_byte(tmp_path):
    path = tmp_path / "letters.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("A/\udcff\udcfe.png")
        info.size = len(GOOD)
        tar.addfile(info, io.BytesIO(GOOD))
    assert extract(path, ANY).fonts == [b"\xff\xfe"]


def test_a_name_that_is_cut_is_told_as_what_it_is(tmp_path):
    cut = f"letters/A/{'x' * 100}"[:100]
    message = refusal(tar_gz(tmp_path / "letters.tar.gz", {"A/good.png": GOOD, cut: GOOD}))
    assert "its name is cut at 100 characters" in message
    assert "fonts and splits are unknown" in message


def test_each_of_many_images_with_one_wrong_bit_is_noticed(tmp_path):
    rng, members = random.Random(0), letters()
    damaged = rng.sample(sorted(members), 100)
    whole = {name: content for name, content in members.items() if name not in damaged}
    for name in damaged:
        content = bytearray(members[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        members[name] = bytes(content)
    assert "can't be used (a PNG" in refusal(tar_gz(tmp_path / "letters.tar.gz", members))
    content = extracted(tmp_path, members, on_error="skip")
    assert content.skipped == sorted(name.partition("/")[2] for name in damaged)
    assert content.lost.sum() == 100
    assert same(content, extracted(tmp_path, whole))


def test_a_known_unreadable_member_is_known_once(tmp_path):
    archive = Archive("letters.tar.gz", 0, "", unreadable=frozenset({"A/known.png"}))
    pairs = [("A/good.png", GOOD), ("A/known.png", b""), ("A/known.png", b"")]
    path = tar_gz(tmp_path / "letters.tar.gz", pairs)
    assert "'A/known.png' can't be used (a second file of this letter" in refusal(path, archive)
    content = extract(path, archive, "skip")
    assert (content.unreadable, content.skipped) == (["A/known.png"], ["A/known.png"])


def test_no_more_members_are_skipped_than_a_card_can_name(tmp_path):
    archive = Archive("letters.tar.gz", 0, "", unreadable=frozenset({"A/known.png"}))
    pairs = [("A/good.png", GOOD), *[("A/known.png", b"")] * (MAX_SKIPPED + 1)]
    path = tar_gz(tmp_path / "letters.tar.gz", pairs)
    assert len(extract(path, archive, "skip").skipped) == MAX_SKIPPED
    path = tar_gz(path, [*pairs, pairs[-1]])
    message = refusal(path, archive, "skip")
    assert f"nor can {MAX_SKIPPED:,} others: give an archive or a folder that holds" in message


def test_a_file_that_is_no_archive_is_refused_with_its_first_bytes(tmp_path):
    path = tmp_path / "letters.tar.gz"
    path.write_bytes(b"<!DOCTYPE html>")
    assert "b'<!DOCTYPE html>'" in refusal(path)


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.tar.gz")
    assert "no letter images" in refusal(tmp_path)
    (tmp_path / "empty.tar.gz").write_bytes(b"")
    assert refusal(tmp_path / "empty.tar.gz").endswith("is empty: fetch the archive again")


def test_files_without_names_of_fonts_are_refused_for_that_whatever_else_is_wrong(tmp_path):
    named = Archive("letters.tar.gz", 0, "", named_after_fonts=True)
    for numbered in (["A/1.png", "A/2.png"], ["A/2.png", "A/1.png"]):  # the second is empty
        members = dict(zip(numbered, (GOOD, b""), strict=True))
        message = refusal(tar_gz(tmp_path / "letters.tar.gz", members), named)
        assert message.endswith("fonts and splits are unknown: get the archive elsewhere")
    genuine = [(member("Font 00.ttf"), GOOD), (member("Font 01.ttf"), b"")]
    message = refusal(tar_gz(tmp_path / "letters.tar.gz", genuine), named)
    assert "can't be used (empty file): fetch" in message


def test_an_archive_without_letters_is_refused(tmp_path):
    assert "no letter images" in refusal(tar_gz(tmp_path / "letters.tar.gz", {}))


@pytest.mark.parametrize("tenth", range(1, 10))
def test_an_archive_cut_short_is_refused(tmp_path, tenth):
    path = tar_gz(tmp_path / "letters.tar.gz", letters())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    assert "damaged or cut short" in refusal(path)


def test_an_archive_that_lacks_its_last_byte_is_refused(tmp_path):
    path = tar_gz(tmp_path / "letters.tar.gz", letters())
    path.write_bytes(path.read_bytes()[:-1])
    assert "damaged or cut short" in refusal(path)


def packed(folder, tar):
    path = folder / "letters.tar.gz"
    path.write_bytes(gzip.compress(tar))
    return path


def tar_of(*pairs, **options):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as tar:
        for name, content in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


TWO = tar_of(("A/one.png", GOOD), ("A/two.png", GOOD))
BLOCKS = 512 + -(-len(GOOD) // 512) * 512


@pytest.mark.parametrize("end", [BLOCKS, BLOCKS + 100, BLOCKS + 512, 2 * BLOCKS])
def test_a_tar_cut_before_it_was_packed_is_refused_even_between_members(tmp_path, end):
    assert "damaged or cut short" in refusal(packed(tmp_path, TWO[:end]))


def test_a_broken_header_is_not_taken_for_the_end(tmp_path):
    broken = TWO[:BLOCKS] + b"?" + TWO[BLOCKS + 1 :]
    assert "bad checksum" in refusal(packed(tmp_path, broken))


def test_a_wrong_checksum_is_refused(tmp_path):
    path = packed(tmp_path, TWO)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    assert "incorrect data check" in refusal(path)


def test_garbage_after_the_archive_is_refused_and_padding_is_not(tmp_path):
    path = packed(tmp_path, TWO)
    content = path.read_bytes()
    path.write_bytes(content + bytes(100))
    assert len(extract(path, ANY).labels) == 2
    path.write_bytes(content + b"garbage")
    refusal(path)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_altered_byte_changes_what_is_read(tmp_path_factory, where, change):
    path = tmp_path_factory.mktemp("altered") / "letters.tar.gz"
    content = bytearray(gzip.compress(TWO, mtime=0))
    content[where % len(content)] ^= change
    path.write_bytes(content)
    try:
        altered = extract(path, ANY)
    except NotMNISTError:
        return
    # gzip ignores its header's time, operating system and name.
    assert where % len(content) < 10
    assert same(altered, extract(packed(path.parent, TWO), ANY))


def header(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


PAX_SPARSE = tar_of(
    ("A/x.png", b"9" * 100 + b"\n"),
    format=tarfile.PAX_FORMAT,
    pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"},
)
HOSTILE = {
    "declares 8 GB": header("A/x.png", 2**33),
    "declares 2**80 bytes": header("A/x.png", 2**80),
    "declares less than nothing": header("A/x.png", -(2**40)),
    "long name of 8 GB": header("././@LongLink", 2**33, tarfile.GNUTYPE_LONGNAME),
    "extension of 8 GB": header("pax", 2**33, tarfile.XHDTYPE),
    "sparse map without end": PAX_SPARSE[: 3 * 512],
    "extension of 5000 digits": header("pax", 5000, tarfile.XHDTYPE) + b"9" * 5000 + b" a=b\n",
    "extensions upon extensions": header("pax", 0, tarfile.XHDTYPE) * 5000,
}


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("tar", HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_end_in_a_refusal_not_in_a_loop(tmp_path, tar, on_error):
    refusal(packed(tmp_path, TWO[: 2 * BLOCKS] + tar), on_error=on_error)


def test_no_more_images_are_kept_than_there_should_be(tmp_path):
    path = tar_gz(tmp_path / "letters.tar.gz", letters(FONTS[:2]))
    counts = dict.fromkeys("ABCDEFGHIJ", 1)
    assert refusal(path, record(path, counts=counts)).endswith(
        "holds more than the 10 images of letters.tar.gz: give that archive alone"
    )


BOMBS = {
    "in a letter": header("A/x.png", 2**28),
    "in a long name": header("././@LongLink", 2**28, tarfile.GNUTYPE_LONGNAME),
    "in an extension": header("pax", 2**28, tarfile.XHDTYPE),
    "behind the end": bytes(1024),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="platform: needs Linux's /proc")
@pytest.mark.parametrize("start", BOMBS.values(), ids=BOMBS)
def test_a_bomb_of_zeros_takes_little_memory(tmp_path, python, start):
    path = tmp_path / "letters.tar.gz"
    zeros = gzip.compress(bytes(1 << 20))
    path.write_bytes(gzip.compress(TWO[: 2 * BLOCKS] + start) + zeros * 256)
    # Not getrusage: a child starts with its parent's peak.
    code = f"""
import pathlib
from notmnist import NotMNISTError, sources
from notmnist.archives import extraction

def peak():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

path, archive = pathlib.Path({str(path)!r}), sources.Archive("letters.tar.gz", 0, "")
before = peak()
try:
    extraction.extract(path, archive, "skip")
except NotMNISTError:
    pass
print(peak() - before)
"""
    assert int(python(code)) < 100_000  # kB
