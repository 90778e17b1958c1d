"""Downloads from a real server on loopback: resumed, verified, bounded, clean behind failures."""

import errno
import hashlib
import io
import itertools
import threading
import time
import zipfile
from dataclasses import replace

import pytest
from archives import letters, record, tar_gz
from folders import listing
from server import page, ranged, raw, status, whole

from notmnist import NotMNISTError
from notmnist.archives import download, transfer
from notmnist.sources import Packing

LOCK = ".letters.tar.gz.lock"
PART = "letters.tar.gz.part"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.001)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return tar_gz(tmp_path_factory.mktemp("mirror") / "letters.tar.gz", letters())


@pytest.fixture(scope="module")
def body(archive):
    return archive.read_bytes()


def failure(archive, folder):
    """Fetch what can't be fetched, and return the message once it is known to be helpful."""
    with pytest.raises(NotMNISTError) as caught:
        download.fetch(archive, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert archive.filename in message
    for remedy in ("genuine-data.md", "--archive PATH", "put it at", "load('openglyphs')"):
        assert remedy in message
    return message


def test_fetches_verifies_and_leaves_nothing_but_the_archive(server, archive, body, tmp_path):
    url = server.serve("letters.tar.gz", ranged(body))
    path = download.fetch(record(archive, url), tmp_path / "new" / "home")
    assert path.read_bytes() == body
    assert listing(path.parent) == [LOCK, "letters.tar.gz"]


def test_a_second_call_asks_no_server(server, archive, body, tmp_path):
    wanted = record(archive, server.serve("letters.tar.gz", ranged(body)))
    download.fetch(wanted, tmp_path)
    download.fetch(wanted, tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize("tenth", range(10))
def test_resumes_after_a_cut_at_every_tenth(server, archive, body, tmp_path, tenth):
    cut = len(body) * tenth // 10
    url = server.serve("letters.tar.gz", ranged(body, cut), ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert [request.get("Range") for request in server.requests] == [
        None,
        f"bytes={cut}-" if cut else None,
    ]
    assert server.sent == len(body)


def test_a_line_cut_again_and_again_is_followed_while_it_brings_something(
    server, archive, body, tmp_path
):
    url = server.serve("letters.tar.gz", ranged(body, len(body) // 10 + 1))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert len(server.requests) == 10
    assert server.sent == len(body)


def test_a_later_call_goes_on_from_the_part_of_an_earlier_one(server, archive, body, tmp_path):
    url = server.serve("letters.tar.gz", ranged(body, 1000), status(503))
    failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK, PART]
    url = server.serve("letters.tar.gz", ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert server.requests[-1]["Range"] == "bytes=1000-"


def test_a_part_that_is_whole_is_renamed_without_asking_a_server(archive, body, tmp_path):
    (tmp_path / PART).write_bytes(body)
    wanted = record(archive, "http://mirror.invalid/letters.tar.gz")
    assert download.fetch(wanted, tmp_path).read_bytes() == body
    assert listing(tmp_path) == [LOCK, "letters.tar.gz"]


def test_starts_over_where_range_is_ignored(server, archive, body, tmp_path):
    url = server.serve("letters.tar.gz", whole(body, cut=5000), whole(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert server.sent == len(body) + 5000


def test_starts_over_where_the_part_was_of_another_file(server, archive, body, tmp_path):
    (tmp_path / PART).write_bytes(b"\x1f\x8b of an older version")
    url = server.serve("letters.tar.gz", ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body


def test_replaces_an_archive_that_was_altered(server, archive, body, tmp_path):
    (tmp_path / "letters.tar.gz").write_bytes(body[:-1] + b"?")
    url = server.serve("letters.tar.gz", ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body


def test_takes_the_bytes_as_they_are_from_a_server_that_calls_them_encoded(
    server, archive, body, tmp_path
):
    def reply(handler):
        handler.start(200, len(body), Content_Encoding="gzip")
        handler.send(body)

    url = server.serve("letters.tar.gz", reply)
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body


def test_names_itself_to_servers_that_refuse_pythons_user_agent(server, archive, body, tmp_path):
    def reply(handler):
        agent = handler.headers["User-Agent"]
        (ranged(body) if "notmnist" in agent else status(406))(handler)

    url = server.serve("letters.tar.gz", reply)
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body


@pytest.mark.parametrize("code", [403, 404, 406, 410])
def test_a_mirror_that_refuses_is_asked_once_and_the_next_one_serves(
    server, archive, body, tmp_path, code
):
    refusing = server.serve("refusing", status(code))
    serving = server.serve("serving", ranged(body))
    assert download.fetch(record(archive, refusing, serving), tmp_path).read_bytes() == body
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_mirror_that_is_busy_is_asked_again(server, archive, body, tmp_path, code):
    url = server.serve("letters.tar.gz", status(code), status(code), ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7), ("3600", 60), ("9" * 400, 60), ("soon", 0.002), ("²", 0.002)]
)
def test_waits_as_long_as_the_server_asks_but_a_minute_at_most(
    server, archive, body, tmp_path, monkeypatch, asked, waited
):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    url = server.serve("letters.tar.gz", status(503, Retry_After=asked), ranged(body))
    download.fetch(record(archive, url), tmp_path)
    assert waits == [waited]


def test_the_number_of_tries_is_bounded(server, archive, tmp_path):
    urls = [server.serve(name, status(503)) for name in ("one", "two")]
    message = failure(record(archive, *urls), tmp_path)
    assert len(server.requests) == 2 * download.TRIES_PER_MIRROR
    assert all(f"{url}: status 503" in message for url in urls)
    assert listing(tmp_path) == [LOCK]


def test_a_wrong_hash_is_refused_and_nothing_is_kept(server, archive, body, tmp_path):
    url = server.serve("letters.tar.gz", ranged(body[:-1] + b"?"))
    assert "wrong sha256" in failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK]


def test_a_mirror_that_lies_is_passed_over(server, archive, body, tmp_path):
    lying = server.serve("lying", ranged(body[:-1] + b"?"))
    right = server.serve("right", ranged(body))
    assert download.fetch(record(archive, lying, right), tmp_path).read_bytes() == body


def test_another_file_that_is_shorter_does_not_spoil_the_next_mirror(
    server, archive, body, tmp_path
):
    other = server.serve("other", ranged(b"\x1f\x8b" + bytes(9000)))
    right = server.serve("right", ranged(body))
    assert download.fetch(record(archive, other, right), tmp_path).read_bytes() == body


def test_another_file_that_is_longer_is_given_up_and_nothing_is_kept(server, archive, tmp_path):
    url = server.serve("letters.tar.gz", ranged(b"\x1f\x8b" + bytes(5_000_000)))
    assert "wrong sha256" in failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK]


def test_a_file_that_always_ends_early_is_refused_and_what_came_is_kept(
    server, archive, body, tmp_path
):
    url = server.serve("letters.tar.gz", whole(body[:-500]))
    message = failure(record(archive, url), tmp_path)
    assert f"{len(body) - 500:,} of {len(body):,} bytes" in message
    assert listing(tmp_path) == [LOCK, PART]


def test_a_stated_length_that_is_too_short_costs_another_request_only(
    server, archive, body, tmp_path
):
    url = server.serve("letters.tar.gz", whole(body, length=2000), ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    assert server.requests[1]["Range"] == "bytes=2000-"


def test_a_web_page_is_refused_and_nothing_is_kept(server, archive, tmp_path):
    url = server.serve("letters.tar.gz", page())
    assert "perhaps a web page" in failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK]


def test_a_web_page_does_not_cost_what_was_fetched_before(server, archive, body, tmp_path):
    cut = server.serve("cut", ranged(body, 3000), status(403))
    portal = server.serve("portal", page())
    failure(record(archive, cut, portal), tmp_path)
    assert (tmp_path / PART).read_bytes() == body[:3000]


def test_no_network_is_one_clear_line_that_names_the_cause(server, archive, tmp_path):
    url = server.serve("letters.tar.gz", page())
    server.stop()
    message = failure(record(archive, url), tmp_path)
    assert f"({url}: [Errno {errno.ECONNREFUSED}] Connection refused)" in message
    assert listing(tmp_path) == [LOCK]


def test_an_unknown_host_is_one_clear_line(archive, tmp_path):
    failure(record(archive, "http://mirror.invalid/letters.tar.gz"), tmp_path)
    assert listing(tmp_path) == [LOCK]


def test_an_archive_without_mirrors_says_where_a_person_can_get_it(archive, tmp_path):
    message = failure(record(archive, by_hand="the library"), tmp_path)
    assert "no mirror is known" in message
    assert "by hand (the library)" in message


def test_a_stalled_connection_ends_and_is_resumed(server, archive, body, tmp_path, monkeypatch):
    def stalling(handler):
        handler.start(200, len(body))
        handler.send(body[:4000])
        assert released.wait(60)

    released = threading.Event()
    monkeypatch.setattr(transfer, "SILENCE_SECONDS", 0.2)
    url = server.serve("letters.tar.gz", stalling, ranged(body))
    assert download.fetch(record(archive, url), tmp_path).read_bytes() == body
    released.set()
    assert server.requests[1]["Range"] == "bytes=4000-"


def test_a_trickle_of_single_bytes_ends_by_a_deadline(server, archive, body, tmp_path, monkeypatch):
    def trickling(handler):
        handler.start(200, len(body))
        for byte in body:
            handler.send(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.01)

    monkeypatch.setattr(download, "LONGEST_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_SECOND", len(body) * 10)
    url = server.serve("letters.tar.gz", trickling)
    assert "it has not sent the archive in" in failure(record(archive, url), tmp_path)
    assert server.sent < len(body)


def test_redirects_are_followed(server, archive, body, tmp_path):
    there = server.serve("there", ranged(body))
    here = server.serve("here", status(302, Location=there))
    assert download.fetch(record(archive, here), tmp_path).read_bytes() == body


def test_a_redirect_loop_ends(server, archive, tmp_path):
    url = server.serve("letters.tar.gz", status(302, Location="/letters.tar.gz"))
    assert "redirects" in failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK]


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_a_redirect_to_another_scheme_is_refused(server, archive, tmp_path, scheme):
    url = server.serve("letters.tar.gz", status(302, Location=f"{scheme}://{archive}"))
    assert "No connection adapters" in failure(record(archive, url), tmp_path)
    assert listing(tmp_path) == [LOCK]


def test_proxies_of_the_environment_are_used(server, archive, body, tmp_path, monkeypatch):
    proxy = server.serve("", ranged(body))
    monkeypatch.setenv("http_proxy", proxy)
    server.replies["http://mirror.invalid/letters.tar.gz"] = [ranged(body)]
    wanted = record(archive, "http://mirror.invalid/letters.tar.gz")
    assert download.fetch(wanted, tmp_path).read_bytes() == body


def test_a_folder_that_cannot_be_made_is_one_clear_line_and_stays_as_it_was(
    server, archive, body, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    url = server.serve("letters.tar.gz", ranged(body))
    with pytest.raises(NotMNISTError, match=r"cannot write .*home: .*choose .*NOTMNIST_HOME"):
        download.fetch(record(archive, url), tmp_path / "file" / "home")
    assert listing(tmp_path) == ["file"]
    assert not server.requests


def test_the_size_alone_does_not_make_a_file_whole(archive, tmp_path):
    wanted = record(archive)
    assert download.find(wanted, archive.parent) == archive
    assert download.find(replace(wanted, sha256="0" * 64), archive.parent) is None
    assert download.find(replace(wanted, size=wanted.size + 1), archive.parent) is None
    assert download.find(wanted, tmp_path / "missing") is None


@pytest.fixture(scope="module")
def zipped():
    """The archive's members as a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in letters().items():
            packed.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def repacked(server, archive, zipped):
    """Describe an archive that its own mirror has lost and others have as a zip file."""

    def describe(*urls):
        gone = server.serve("gone", status(404))
        packing = Packing("letters.zip", urls, f"md5:{hashlib.md5(zipped).hexdigest()}")
        return record(archive, gone, other_packings=(packing,))

    return describe


def test_another_packing_is_fetched_by_a_redirect_and_resumed(server, repacked, zipped, tmp_path):
    there = server.serve("records/letters.zip", ranged(zipped, 20_000), ranged(zipped))
    wanted = repacked(server.serve("record/letters.zip", status(301, Location=there)))
    path = download.fetch(wanted, tmp_path)
    assert path == tmp_path / "letters.zip"
    assert path.read_bytes() == zipped
    assert listing(tmp_path) == [LOCK, "letters.zip"]
    assert server.requests[-1]["Range"] == "bytes=20000-"
    assert server.sent == len(zipped)
    asked = len(server.requests)
    assert download.fetch(wanted, tmp_path) == download.find(wanted, tmp_path) == path
    assert len(server.requests) == asked


def test_the_archives_own_file_is_tried_first(server, archive, body, repacked, tmp_path):
    wanted = replace(repacked("http://mirror.invalid/"), urls=(server.serve("own", ranged(body)),))
    assert download.fetch(wanted, tmp_path) == tmp_path / "letters.tar.gz"


def test_another_packing_with_a_wrong_digest_leads_to_its_next_mirror(
    server, repacked, zipped, tmp_path
):
    lying = server.serve("lying", ranged(zipped[:-1] + b"?"))
    assert f"{lying}: the file has the wrong md5" in failure(repacked(lying), tmp_path)
    assert listing(tmp_path) == [LOCK]
    wanted = repacked(lying, server.serve("right", ranged(zipped)))
    assert download.fetch(wanted, tmp_path).read_bytes() == zipped


def test_a_later_call_goes_on_with_another_packing(server, repacked, zipped, tmp_path):
    failure(repacked(server.serve("cut", ranged(zipped, 20_000), status(503))), tmp_path)
    assert listing(tmp_path) == [LOCK, "letters.zip.part"]
    url = server.serve("whole", ranged(zipped))
    assert download.fetch(repacked(url), tmp_path).read_bytes() == zipped
    assert server.requests[-1]["Range"] == "bytes=20000-"


def test_a_whole_part_of_unknown_size_is_renamed_without_asking_its_server(
    repacked, zipped, tmp_path
):
    (tmp_path / "letters.zip.part").write_bytes(zipped)
    assert download.fetch(repacked("http://mirror.invalid/"), tmp_path).read_bytes() == zipped


@pytest.mark.parametrize("extra", [0, 1, 10_000_000])
def test_a_part_as_long_as_the_file_but_not_the_file_is_replaced(
    server, repacked, zipped, tmp_path, extra
):
    (tmp_path / "letters.zip.part").write_bytes(b"PK" + bytes(len(zipped) - 2 + extra))
    url = server.serve("right", ranged(zipped))
    assert download.fetch(repacked(url), tmp_path).read_bytes() == zipped


def test_a_file_of_unknown_size_without_an_end_is_given_up(server, archive, repacked, tmp_path):
    flood = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\nPK"], itertools.repeat(bytes(65_536)))
    url = server.serve("endless", raw(lambda: flood))
    assert "wrong md5" in failure(repacked(url), tmp_path)
    assert listing(tmp_path) == [LOCK]
    assert server.sent < download.UNKNOWN_SIZE_FACTOR * archive.stat().st_size + 10_000_000
