"""The fast way through an archive, with tarfile as the oracle."""

import gzip
import io
import tarfile

import pytest
from archives import letters, tar_gz
from hypothesis import given
from hypothesis import strategies as st

from notmnist.archives import plain_tar
from notmnist.archives.plain_tar import NotPlain


def walked(path, most_bytes=1_000):
    pairs = []
    for names, contents in plain_tar.batches(path, most_bytes):
        pairs += zip(names, contents, strict=True)
    return pairs


def by_tarfile(path):
    with tarfile.open(path) as tar:
        return [
            (member.name.encode("utf-8", "surrogateescape"), tar.extractfile(member).read())
            for member in tar
            if member.isreg()
        ]


def written(path, pairs, form):
    with tarfile.open(path, "w:gz", format=form) as tar:
        for name, content in pairs:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


names = st.text("ab/ä", min_size=1, max_size=240).map(lambda name: f"A/{name.strip('/')}.png")


@given(st.lists(st.tuples(names, st.binary(max_size=700)), max_size=8), st.integers(1, 4_000))
def test_names_and_contents_are_those_of_tarfile_wherever_the_chunks_end(
    tmp_path_factory, pairs, chunk
):
    path = written(tmp_path_factory.mktemp("tar") / "a.tar.gz", pairs, tarfile.GNU_FORMAT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_tar, "_CHUNK", chunk)
        assert walked(path) == by_tarfile(path)


def test_prefixes_of_long_names_are_read(tmp_path):
    pairs = [(f"{'folder/' * 15}{'n' * 60}.png", b"content")]
    path = written(tmp_path / "a.tar.gz", pairs, tarfile.USTAR_FORMAT)
    assert walked(path) == by_tarfile(path)


def test_folders_are_passed_over(tmp_path):
    folder = tarfile.TarInfo("letters/A")
    folder.type = tarfile.DIRTYPE
    path = tar_gz(tmp_path / "a.tar.gz", [(folder, b""), *letters().items()])
    assert walked(path) == by_tarfile(path)


def link(kind):
    member = tarfile.TarInfo("A/link.png")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
)
def test_links_and_devices_are_not_plain(tmp_path, kind):
    path = tar_gz(tmp_path / "a.tar.gz", [*letters().items(), (link(kind), b"")])
    with pytest.raises(NotPlain, match="a member of kind"):
        walked(path)


def test_extended_headers_and_large_members_are_not_plain(tmp_path):
    long = [(f"A/{'ä' * 120}.png", b"content")]
    with pytest.raises(NotPlain, match="a member of kind b'x'"):
        walked(written(tmp_path / "pax.tar.gz", long, tarfile.PAX_FORMAT))
    with pytest.raises(NotPlain, match="a member of 1,001 bytes"):
        walked(tar_gz(tmp_path / "large.tar.gz", {"A/large.png": bytes(1_001)}))


@given(st.integers(0, 511), st.integers(1, 255))
def test_an_altered_header_is_noticed(tmp_path_factory, where, change):
    folder = tmp_path_factory.mktemp("tar")
    tar = bytearray(gzip.decompress(tar_gz(folder / "a.tar.gz", {"A/a.png": b"a"}).read_bytes()))
    tar[where] ^= change
    path = folder / "b.tar.gz"
    path.write_bytes(gzip.compress(bytes(tar), 1))
    with pytest.raises(NotPlain):
        walked(path)


@pytest.mark.parametrize("kept", [512, 1024, 1536, 2047])
def test_a_cut_end_is_noticed(tmp_path, kept):
    tar = gzip.decompress(tar_gz(tmp_path / "a.tar.gz", {"A/a.png": b"a"}).read_bytes())
    path = tmp_path / "b.tar.gz"
    path.write_bytes(gzip.compress(tar[:kept]))
    with pytest.raises(NotPlain):
        walked(path)
    path.write_bytes(gzip.compress(tar)[:-1])
    with pytest.raises(NotPlain):
        walked(path)
    path.write_bytes(gzip.compress(tar + b"more"))
    with pytest.raises(NotPlain):
        walked(path)
