"""The same images from every packing: tar files, zip files and folders, with other files too."""

import bz2
import gzip
import lzma
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest
from archives import letters_with_copies, member, noise, pack, png, record, source_of
from test_plain_tar import END, entry

import notmnist
from notmnist import NotMNISTError
from notmnist.archives import extraction, tars, zips
from notmnist.archives.extraction import count_letters, extract
from notmnist.archives.folders import Folder
from notmnist.archives.members import ACCEPTED
from notmnist.sources import Archive

GOOD = png(noise(0))
MEMBERS = {name: content for name, content in letters_with_copies().items() if content}
ANY = Archive("letters.tar.gz", 0, "")
PACKINGS = ["tar.gz", "tar", "tar.bz2", "tar.xz", "zip", "folder"]
every_packing = pytest.mark.parametrize("packing", PACKINGS)


def packed(folder, packing, members=MEMBERS, name="any name"):
    return pack(folder / name if packing == "folder" else folder / f"{name}.{packing}", members)


def refusal(path, on_error="raise", archive=ANY):
    """Read what must be refused, and return the message once it is one line that names the path."""
    with pytest.raises(NotMNISTError) as caught:
        extract(path, archive, on_error)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The pickle prepared from a tar.gz."""
    return pickle_of(tmp_path_factory.mktemp("tar"), "tar.gz", MEMBERS)


def pickle_of(folder, packing, members, **card):
    path = packed(folder, packing, members)
    found = notmnist.prepare(source_of(ANY), home=folder / "home", archive=path)["archives"][0]
    assert found | card == found
    assert sorted(p.name for p in folder.iterdir()) == sorted(["home", path.name])
    return (folder / "home" / "letters.joblib").read_bytes()


@every_packing
def test_the_prepared_pickle_is_the_same_bit_for_bit(packing, prepared, tmp_path):
    assert pickle_of(tmp_path, packing, MEMBERS, aside=0) == prepared


JUNK = {
    ".DS_Store": b"", "letters/A/.DS_Store": b"?", "letters/A/._MDEtMDEtMDAudHRm.png": b"?",
    "__MACOSX/letters/A/MDEtMDEtMDAudHRm.png": GOOD, "letters/B/Thumbs.db": b"?",
    "letters/desktop.ini": b"?", "letters/A.pickle": bytes(100_000), "README.txt": b"?",
    "letters/.ipynb_checkpoints/A/x.png": GOOD,
}  # fmt: skip


@every_packing
def test_what_is_no_letter_is_left_aside_and_counted(packing, prepared, tmp_path):
    assert pickle_of(tmp_path, packing, JUNK | MEMBERS, aside=len(JUNK), skipped=[]) == prepared


@every_packing
def test_letter_folders_lie_at_any_depth(packing, prepared, tmp_path):
    moved = {name.replace("letters", "a/Train/b c"): content for name, content in MEMBERS.items()}
    assert pickle_of(tmp_path, packing, moved) == prepared


@every_packing
def test_a_packing_of_several_archives_gives_each_its_own(packing, tmp_path):
    members = {
        "large/large/A/x.png": GOOD, "large/large/B/x.png": GOOD, "small/A/x.png": png(noise(1)),
        "large/old/small/C/y.png": png(noise(2)),
    }  # fmt: skip
    path = packed(tmp_path, packing, members)
    large, small = (Archive(f"{name}.tar.gz", 0, "") for name in ("large", "small"))
    assert extract(path, large, beside=["small"]).labels.tolist() == [0, 1]
    assert extract(path, small, beside=["large"]).labels.tolist() == [0, 2]
    assert extract(path, small, beside=["large"]).aside == 2
    assert [count_letters(path, one, ["large", "small"]) for one in (large, small)] == [2, 2]


@every_packing
def test_what_is_read_is_hashed(packing, tmp_path):
    path = packed(tmp_path, packing)
    content = extract(path, ANY)
    assert content.sha256 == extraction.sha256(path, ANY)
    if packing != "folder":
        assert (content.size, content.sha256) == (record(path).size, record(path).sha256)
    altered = packed(tmp_path, packing, MEMBERS | {member("New.ttf"): GOOD}, "altered")
    assert extract(altered, ANY).sha256 != content.sha256


def test_a_folder_is_hashed_by_names_and_contents(tmp_path):
    one = packed(tmp_path, "folder", {"A/x.png": GOOD, "B/y.png": b""}, "one")
    same = packed(tmp_path, "folder", {"B/y.png": b"", "A/x.png": GOOD, "junk": b""}, "same")
    renamed = packed(tmp_path, "folder", {"A/x.png": GOOD, "B/z.png": b""}, "renamed")
    hashes = [extraction.sha256(path, ANY) for path in (one, same, renamed)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert extract(one, ANY, "skip").size == len(GOOD)


@pytest.mark.parametrize("packing", ["tar.gz", "tar", "tar.bz2", "tar.xz", "zip"])
@pytest.mark.parametrize("tenth", range(1, 10, 2))
def test_a_file_cut_short_is_refused(packing, tenth, tmp_path):
    path = packed(tmp_path, packing)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    message = refusal(path)
    assert "damaged or cut short" in message and message.endswith(ACCEPTED)


@pytest.mark.parametrize("packing", ["tar.gz", "tar.bz2", "tar.xz"])
def test_several_streams_are_read_and_garbage_behind_them_is_refused(packing, tmp_path):
    module = {"tar.gz": gzip, "tar.bz2": bz2, "tar.xz": lzma}[packing]
    whole = extract(packed(tmp_path, "tar"), ANY)
    tar = (tmp_path / "any name.tar").read_bytes()
    pieces = [tar[at : at + 50_000] for at in range(0, len(tar), 50_000)]
    streams = b"".join(module.compress(piece) + bytes(8) for piece in pieces)
    path = tmp_path / "streams"
    path.write_bytes(streams)
    assert np.array_equal(extract(path, ANY).images, whole.images)
    path.write_bytes(streams + b"garbage")
    refusal(path)


def test_members_behind_the_end_of_a_tar_are_not_lost_silently(tmp_path):
    tar = packed(tmp_path, "tar").read_bytes()
    (tmp_path / "two.tar").write_bytes(tar + tar)
    assert "data follows its end mark" in refusal(tmp_path / "two.tar")


def test_no_more_memory_is_given_to_xz_than_its_presets_take(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    path = tmp_path / "a.tar.xz"
    path.write_bytes(lzma.compress(packed(tmp_path, "tar").read_bytes(), filters=filters))
    assert "emory" in refusal(path)


def test_folders_of_a_zip_and_back_slashes_are_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("letters/A")
        archive.writestr("letters/A/x.png", GOOD)
        info = zipfile.ZipInfo("letters")
        info.filename = r"letters\B\x.png"  # as some programs write it
        archive.writestr(info, GOOD)
    assert extract(path, ANY).labels.tolist() == [0, 1]


def test_a_member_without_a_name_is_left_aside(tmp_path):
    path = packed(tmp_path, "zip", {"A/x.png": GOOD, "nameless": b""})
    path.write_bytes(path.read_bytes().replace(b"nameless", bytes(8)))
    assert extract(path, ANY).aside == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_of_zip_is_read(method, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("A/x.png", GOOD)
    assert len(extract(tmp_path / "a.zip", ANY).labels) == 1


def with_method(path, method):
    """Say in a zip's headers that another method compressed its members."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset : at + offset + 2] = struct.pack("<H", method)
            at = content.find(signature, at + 1)
    path.write_bytes(content)


def test_an_unknown_method_of_zip_is_one_line(tmp_path):
    path = packed(tmp_path, "zip", {"A/x.png": GOOD})
    with_method(path, 9)
    message = refusal(path)
    assert "compression method is not supported" in message
    assert message.endswith(": unpack it, and pass the folder")


def encrypted(path):
    """Set the bit that says so in a zip's headers."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 1)
    path.write_bytes(content)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_encrypted_zip_is_refused(on_error, tmp_path):
    path = packed(tmp_path, "zip")
    encrypted(path)
    assert refusal(path, on_error).endswith(
        "is encrypted: unpack it with its password, and pass the folder"
    )


@pytest.mark.parametrize(
    "name", ["/A/x.png", "../A/x.png", "letters/../../A/x.png", r"C:\A\x.png", r"..\A\x.png"]
)
def test_a_zip_with_absolute_or_parent_paths_is_refused_and_nothing_is_written(name, tmp_path):
    path = packed(tmp_path, "zip", {"A/good.png": GOOD, name: GOOD})
    message = refusal(path)
    assert "an absolute path, or a path that leads out of the archive" in message
    assert extract(path, ANY, "skip").skipped == ["A/x.png"]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_member_of_a_zip_whose_sum_is_wrong_is_unreadable(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A/good.png", GOOD)
        archive.writestr("A/bad.png", GOOD)
    content = bytearray(path.read_bytes())
    content[content.rfind(b"IDAT") + 50] ^= 1
    path.write_bytes(content)
    assert "member 'A/bad.png' can't be used (Bad CRC-32" in refusal(path)
    assert extract(path, ANY, "skip").skipped == ["A/bad.png"]


def linked(path, name, target):
    """Add a symbolic link to a zip, as Info-ZIP stores it."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, target)


def test_links_in_a_zip_are_refused(tmp_path):
    path = packed(tmp_path, "zip", {"A/good.png": GOOD})
    linked(path, "B", "/etc")
    message = refusal(path)
    assert "member 'B' can't be used (a link or a device" in message
    assert message.endswith(": replace it with the file itself")


@pytest.mark.parametrize("target", ["/etc", "A", "/etc/passwd", "A/good.png", "nowhere"])
def test_links_in_a_folder_are_refused_wherever_they_lead(target, tmp_path):
    path = packed(tmp_path, "folder", {"A/good.png": GOOD})
    (path / "B").symlink_to(target)
    assert "member 'B' can't be used (a link or a device" in refusal(path)
    assert extract(path, ANY, "skip").skipped == ["B"]


@pytest.mark.skipif(not shutil.which("mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path):
    path = packed(tmp_path, "folder", {"A/good.png": GOOD})
    subprocess.run(["mkfifo", path / "A" / "pipe.png"], check=True)
    assert "member 'A/pipe.png' can't be used" in refusal(path)
    assert "is a device or a pipe" in refusal(path / "A" / "pipe.png")


def test_a_link_to_an_archive_or_a_folder_is_followed(tmp_path):
    for packing in ("zip", "folder"):
        link = tmp_path / f"link to {packing}"
        link.symlink_to(packed(tmp_path, packing))
        assert len(extract(link, ANY).labels) == len(MEMBERS)


def test_a_file_that_vanishes_is_one_line(tmp_path):
    path = packed(tmp_path, "folder", {"A/good.png": GOOD})

    def vanish(name):
        (path / name.decode()).unlink()
        return True

    with pytest.raises(
        NotMNISTError, match=r"cannot read .*good.png .*: give a folder in which every"
    ):
        list(Folder(path).members(vanish))


@every_packing
def test_a_member_larger_than_any_letter_is_not_read(packing, tmp_path):
    path = packed(tmp_path, packing, {"A/good.png": GOOD, "A/large.png": bytes(1 << 20)})
    message = refusal(path)
    assert "(more than 65,536 bytes, and a letter has less than 1,000)" in message
    assert message.endswith(": get the archive elsewhere")
    assert extract(path, ANY, "skip").skipped == ["A/large.png"]


def test_a_zip_whose_member_inflates_to_more_than_it_says_is_refused(tmp_path):
    path = packed(tmp_path, "zip", {"A/x.png": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.find(signature)
        content[at + offset : at + offset + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    assert "member 'A/x.png' can't be used" in refusal(path)


def test_a_zip_with_an_endless_directory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "MAX_DIRECTORY_BYTES", 1000)
    message = refusal(packed(tmp_path, "zip"))
    assert "more than the 1,000 that are read: get the archive elsewhere" in message


@pytest.mark.parametrize("outer", PACKINGS)
@pytest.mark.parametrize("inner", ["tar.gz", "zip"])
def test_an_archive_in_an_archive_is_named(outer, inner, tmp_path):
    nested = packed(tmp_path, inner, {"A/x.png": GOOD}, "notMNIST_small").read_bytes()
    path = packed(tmp_path, outer, {f"data/notMNIST_small.{inner}": nested}, "outer")
    message = refusal(path)
    assert f"holds no letter images, but another archive, notMNIST_small.{inner}: " in message
    remedy = "pass that" if outer == "folder" else "unpack the outer one, and pass that"
    assert message.endswith(f": {remedy}")


@every_packing
def test_of_two_copies_in_one_packing_the_second_is_named_with_its_folders(packing, tmp_path):
    members = {f"{folder}/letters/A/x.png": GOOD for folder in ("one", "two")}
    message = refusal(packed(tmp_path, packing, members))
    assert any(f"'{name}' can't be used (a second" in message for name in members)
    assert message.endswith(": give an archive or a folder that holds every file once")


def test_an_empty_folder_or_zip_is_one_line(tmp_path):
    for packing in ("folder", "zip", "tar.gz"):
        path = packed(tmp_path, packing, {})
        assert refusal(path).endswith(f"holds no letter images: give {ACCEPTED}")


def test_a_parquet_file_is_refused_for_what_it_lacks(tmp_path):
    path = tmp_path / "train-00000-of-00001.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    assert "is a parquet file, which has no file names" in refusal(path)
    assert path.name in refusal(tmp_path)


@pytest.mark.parametrize(
    "start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"(\xb5/\xfd", b"\0" * 512]
)
def test_what_is_in_another_format_is_refused(start, tmp_path):
    (tmp_path / "file").write_bytes(start)
    assert refusal(tmp_path / "file").endswith(ACCEPTED)


def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\3" * 1000))
    assert "is not a tar archive" in refusal(tmp_path / "train-images-idx3-ubyte.gz")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read(form, tmp_path):
    folder = packed(tmp_path, "folder", {"A/x.png": GOOD, f"{'deep/' * 25}B/x.png": GOOD})
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as tar:
        tar.add(folder, "letters")
    assert sorted(extract(tmp_path / "a.tar", ANY).labels) == [0, 1]


def test_the_oldest_format_of_tar_is_read(tmp_path):
    content = entry(GOOD, name=b"A/x.png", magic=bytes(8)) + END
    (tmp_path / "a.tar").write_bytes(content)
    assert len(extract(tmp_path / "a.tar", ANY).labels) == 1


def test_a_file_is_hashed_while_it_is_read_and_not_by_its_name(tmp_path, monkeypatch):
    """An archive that takes the place of another is not taken for it."""
    path = packed(tmp_path, "tar.gz", MEMBERS | {member("New.ttf"): GOOD}, "read")
    published = packed(tmp_path, "tar.gz", MEMBERS, "published")
    decode = extraction.png.decode

    def swap(contents):
        if published.exists():
            published.replace(path)
        return decode(contents)

    monkeypatch.setattr(extraction.png, "decode", swap)
    archive = record(published)
    card = notmnist.prepare(source_of(archive), home=tmp_path / "home", archive=path)
    assert not card["archives"][0]["published"]
    assert card["archives"][0]["images"] == len(MEMBERS) + 1
    assert record(path).sha256 == archive.sha256


def test_a_zip_that_changes_while_it_is_read_is_told(tmp_path, monkeypatch):
    path = packed(tmp_path, "zip")
    decode = extraction.png.decode

    def change(contents):
        with open(path, "ab") as file:
            file.write(b"more")
        return decode(contents)

    monkeypatch.setattr(extraction.png, "decode", change)
    monkeypatch.setattr(extraction, "_BATCH", 10)
    assert "it changed while it was read" in refusal(path)


def test_large_files_beside_the_letters_are_passed_over(tmp_path):
    pickles = {f"letters/{letter}.pickle": bytes(20 << 20) for letter in "AB"}
    path = packed(tmp_path, "tar.gz", pickles | MEMBERS)
    assert extract(path, ANY).aside == 2


def test_an_archive_of_nothing_but_other_files_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(tars, "MAX_PASSED_BYTES", 30 << 20)
    pickles = {f"letters/{letter}.pickle": bytes(20 << 20) for letter in "ABC"}
    path = packed(tmp_path, "tar.gz", pickles | MEMBERS)
    assert "belong to no member" in refusal(path)
