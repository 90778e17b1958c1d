"""Faults made for real: damaged caches, kills, races, full and read-only disks."""

import hashlib
import os
import pickle
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from archives import letters_with_copies, record, source_of, tar_gz
from folders import listing
from server import Server, ranged

import notmnist
from conftest import CHECKOUT
from notmnist import NotMNISTError, exports
from notmnist.archives import download
from notmnist.prepared import cards

fuzz = pytest.importorskip("fuzz", reason="platform: limits its memory and time as only POSIX can")

MEMBERS = {name: content for name, content in letters_with_copies().items() if content}
PREPARED = [".letters.lock", "letters.joblib", "letters.json"]
FETCHED = [".letters.lock", ".letters.tar.gz.lock", "letters.joblib", "letters.json",
           "letters.tar.gz"]  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return tar_gz(tmp_path_factory.mktemp("archives") / "letters.tar.gz", MEMBERS)


@pytest.fixture(scope="module")
def source(archive):
    return source_of(record(archive, path=archive))


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory):
    """The bytes of a pickle whose making nothing disturbed."""
    home = tmp_path_factory.mktemp("undisturbed")
    notmnist.prepare(source, home=home)
    return (home / "letters.joblib").read_bytes()


@pytest.fixture
def home(source, tmp_path):
    home = tmp_path / "home"
    notmnist.prepare(source, home=home)
    return home


def rewrite(path, change):
    """Change a file's content and keep its time."""
    stat = path.stat()
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


DAMAGES = {
    "pickle missing": lambda home: (home / "letters.joblib").unlink(),
    "pickle empty": lambda home: (home / "letters.joblib").write_bytes(b""),
    "pickle cut short": lambda home: rewrite(home / "letters.joblib", lambda c: c[:-100]),
    "pickle altered": lambda home: (home / "letters.joblib").write_bytes(bytes(250_000)),
    "card missing": lambda home: (home / "letters.json").unlink(),
    "card cut short": lambda home: rewrite(home / "letters.json", lambda c: c[:-100]),
    "card altered": lambda home: rewrite(home / "letters.json", lambda c: c.replace(b"7", b"8")),
    "all but the lock missing": lambda home: [
        (home / name).unlink() for name in ("letters.joblib", "letters.json")
    ],
    "parts of a killed process": lambda home: [
        (home / "letters.json").unlink(),
        (home / ".letters.joblib.0a1b2c3d.part").write_bytes(bytes(999_999)),
        (home / ".letters.json.0a1b2c3d.part").write_bytes(b"{"),
    ],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_cache_is_made_anew_by_load(source, home, undisturbed, damage):
    damage(home)
    notmnist.load(source, home=home)
    assert (home / "letters.joblib").read_bytes() == undisturbed
    assert listing(home) == PREPARED
    notmnist.verify(source, home=home)


@pytest.mark.parametrize("where", [0, 0.3, 0.5, 0.9, 0.99])
def test_verify_sees_any_altered_byte_and_prepare_mends_it(source, home, undisturbed, where):
    def flip(content):
        at = int(len(content) * where)
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    rewrite(home / "letters.joblib", flip)
    with pytest.raises(NotMNISTError, match=r"differs from its card: run `notmnist prepare lett"):
        notmnist.verify(source, home=home)
    notmnist.prepare(source, home=home)
    assert (home / "letters.joblib").read_bytes() == undisturbed


def test_load_reads_the_arrays_as_they_are_though_the_pickle_around_them_is_damaged(source, home):
    expected = [notmnist.load(source, home=home).train.images.sum()]
    start = cards.read(source, home)["arrays"]["images"]["offset"]
    rewrite(home / "letters.joblib", lambda content: bytes(start) + content[start:])
    assert [notmnist.load(source, home=home).train.images.sum()] == expected
    with pytest.raises(NotMNISTError, match="differs from its card"):
        notmnist.verify(source, home=home)


def test_a_copied_cache_of_another_time_is_believed_once_every_byte_is_right(source, home):
    os.utime(home / "letters.joblib")
    before = (home / "letters.joblib").stat()
    notmnist.load(source, home=home)
    assert (home / "letters.joblib").stat().st_mtime_ns == before.st_mtime_ns


def test_a_cache_of_another_version_is_made_anew(source, home, monkeypatch):
    monkeypatch.setattr(cards, "FORMAT", cards.FORMAT + 1)
    assert notmnist.load(source, home=home).card["format"] == cards.FORMAT


def test_a_dataset_whose_archive_was_published_anew_is_made_anew(source, home, tmp_path):
    fewer = tar_gz(tmp_path / "letters.tar.gz", dict(list(MEMBERS.items())[:200]))
    anew = source_of(record(fewer, path=fewer))
    assert notmnist.load(anew, home=home).card["archives"][0]["images"] == 200


def start(code):
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def served(server, archive, tmp_path):
    """A dataset that is downloaded in small pieces, and its record for other processes."""

    def slowly(handler):
        whole = handler.send

        def send(content):
            for i in range(0, len(content), 20_000):
                whole(content[i : i + 20_000])
                time.sleep(0.002)

        handler.send = send
        ranged(archive.read_bytes())(handler)

    served = source_of(record(archive, server.serve("letters.tar.gz", slowly)))
    path = tmp_path / "record"
    path.write_bytes(pickle.dumps(served))
    return path


def test_of_eight_processes_at_once_one_does_the_work_and_all_get_the_same(
    served, server, tmp_path, undisturbed
):
    code = (
        "import notmnist, pickle\n"
        f"source = pickle.load(open({str(served)!r}, 'rb'))\n"
        f"data = notmnist.load(source, home={str(tmp_path / 'home')!r})\n"
        "print(data.card['created'], data.card['pickle']['mtime_ns'], data.train.images.sum())"
    )
    processes = [start(code) for _ in range(8)]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 8
    assert len(outputs) == 1
    assert len(server.requests) == 1
    assert (tmp_path / "home" / "letters.joblib").read_bytes() == undisturbed
    assert listing(tmp_path / "home") == FETCHED


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_after_a_kill_at_any_moment_the_next_run_gives_the_undisturbed_result(
    served, kills, undisturbed
):
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, script, served, str(kills)], cwd=CHECKOUT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    digest = hashlib.sha256(undisturbed).hexdigest()
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [digest] * kills
    for i in range(kills):
        assert listing(served.parent / str(i)) == FETCHED


@pytest.fixture
def disk(tmp_path):
    """Mount a small file system; call it to mount it with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if not mount("size=16k"):
        pytest.skip("root: only root may mount the small file system that the fault needs")
    mount.folder = folder
    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


PAGE = 4096


@pytest.mark.parametrize("fits", ["nothing", "half the archive", "half the pickle", "all but card"])
def test_a_full_disk_is_one_line_and_more_space_is_the_remedy(
    disk, served, archive, undisturbed, fits
):
    first, second = (-(-size // PAGE) for size in (archive.stat().st_size, len(undisturbed)))
    pages = {
        "nothing": 1,
        "half the archive": first // 2,
        "half the pickle": first + second // 2,
        "all but card": first + second,
    }
    source = pickle.loads(served.read_bytes())
    assert disk(f"remount,size={pages[fits] * PAGE}")
    if fits == "nothing":
        (disk.folder / "filler").write_bytes(bytes(PAGE))
    with pytest.raises(NotMNISTError, match=r"cannot write .*No space left.*free some space"):
        notmnist.load(source, home=disk.folder)
    left = {"filler", "letters.joblib", "letters.tar.gz", "letters.tar.gz.part"}
    assert {name for name in listing(disk.folder) if not name.endswith(".lock")} <= left
    assert disk("remount,size=2m")
    notmnist.load(source, home=disk.folder)
    assert (disk.folder / "letters.joblib").read_bytes() == undisturbed


def test_a_read_only_cache_loads_and_whatever_would_write_is_one_line(disk, source):
    assert disk("remount,size=2m")
    data = notmnist.load(source, home=disk.folder)
    assert disk("remount,ro")
    assert notmnist.load(source, home=disk.folder).card == data.card
    assert notmnist.verify(source, home=disk.folder) == data.card
    assert notmnist.prepare(source, home=disk.folder) == data.card
    with pytest.raises(NotMNISTError, match=r"cannot write .*Read-only file system"):
        notmnist.load(replace(source, name="other"), home=disk.folder)


@pytest.mark.parametrize("format", exports.FORMATS)
def test_an_export_to_a_full_disk_is_one_line_and_leaves_nothing(disk, format):
    if exports.FORMATS[format].needs:
        pytest.importorskip(exports.FORMATS[format].needs)
    out = disk.folder / "out"
    with pytest.raises(NotMNISTError, match=r"cannot write .*out: .*No space left.*--out"):
        notmnist.export(notmnist.load("openglyphs"), format, out)
    assert listing(disk.folder) == []


def test_an_expired_certificate_is_refused_and_the_next_mirror_serves(
    server, archive, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.001)
    certificate = Path(__file__).with_name("expired.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    url = server.serve("letters.tar.gz", ranged(archive.read_bytes()))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    expired = url.replace("http:", "https:")
    with pytest.raises(NotMNISTError, match="certificate has expired"):
        download.fetch(record(archive, expired), tmp_path)
    assert listing(tmp_path) == [".letters.tar.gz.lock"]
    following = Server()
    serving = following.serve("letters.tar.gz", ranged(archive.read_bytes()))
    fetched = download.fetch(record(archive, expired, serving), tmp_path)
    following.stop()
    assert fetched.read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("target", ["pickle", "tar", "gzip", "png", "zip"])
def test_every_seed_and_find_of_the_fuzzer_ends_in_a_value_or_a_refusal(tmp_path, target, lenient):
    finds = [path.read_bytes() for path in fuzz.CORPUS.glob(f"{target}-*")]
    for content in fuzz.seeds(tmp_path)[target] + finds:
        assert fuzz.outcome(target, content, tmp_path, lenient) in fuzz.ENDS
