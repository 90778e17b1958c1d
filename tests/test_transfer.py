"""Servers that lie, stall and flood, on loopback: each costs its own mirror, and only so much."""

import base64
import errno
import gzip
import hashlib
import itertools
import socket
import threading
import tracemalloc

import pytest
from server import ranged, raw, status, whole

from notmnist import NotMNISTError
from notmnist.archives import download, transfer
from notmnist.sources import Archive

BODY = b"\x1f\x8b" + bytes(range(256)) * 400
FOUND = b"HTTP/1.1 302 Found\r\nLocation: "
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED_BODY = CHUNKED + b"%x\r\n%s\r\n" % (len(BODY), BODY)


@pytest.fixture(autouse=True)
def _two_short_tries(monkeypatch):
    monkeypatch.setattr(download, "TRIES_PER_MIRROR", 2)
    monkeypatch.setattr(download, "BACKOFF_SECONDS", 0.001)


def hurry(monkeypatch, module, deadline):
    """Cut a deadline for every mirror but the good one to a tenth of a second."""

    def ask_in_a_hurry(url, offset):
        monkeypatch.setattr(module, deadline, 60 if url.endswith("/good") else 0.1)
        return ask(url, offset)

    ask = transfer.ask
    monkeypatch.setattr(transfer, "ask", ask_in_a_hurry)


def wanted(*urls):
    return Archive("letters.tar.gz", len(BODY), hashlib.sha256(BODY).hexdigest(), urls=urls)


def trickle(start, byte):
    """Send a start, and then a byte now and then, for half a minute."""
    yield start
    waiting = threading.Event()
    for _ in range(3000):
        waiting.wait(0.01)
        yield byte


def past(server, home, hostile):
    """Fetch from a hostile mirror alone, then with a good one behind it; return what was said."""
    with pytest.raises(NotMNISTError) as caught:
        download.fetch(wanted(hostile), home)
    good = server.serve("good", ranged(BODY))
    assert download.fetch(wanted(hostile, good), home).read_bytes() == BODY
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    return message


def all_ended(server):
    """Tell whether every reply has ended, those without an end because the client hung up."""
    return all(server.ended.acquire(timeout=10) for _ in server.requests)


def passwords(server):
    return [
        value
        for request in server.requests
        for name, value in request.items()
        if name in ("Authorization", "Proxy-Authorization", "Cookie")
    ]


def test_no_server_is_told_a_password_of_netrc(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password one\ndefault login me password two\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    there = server.serve("there", ranged(BODY))
    by_name = there.replace("127.0.0.1", "localhost")
    here = server.serve("here", status(302, Location=by_name))
    assert download.fetch(wanted(here), tmp_path).read_bytes() == BODY
    assert len(server.requests) == 2
    assert passwords(server) == []


def test_a_password_in_a_redirect_is_not_passed_on(server, tmp_path):
    there = server.serve("there", ranged(BODY)).replace("http://", "http://me:secret@")
    here = server.serve("here", status(302, Location=there))
    assert download.fetch(wanted(here), tmp_path).read_bytes() == BODY
    assert passwords(server) == []


def test_a_proxy_is_used_with_its_own_password(server, tmp_path, monkeypatch):
    url = "http://mirror.invalid/letters.tar.gz"
    server.replies[url] = [ranged(BODY)]
    proxy = server.serve("", ranged(BODY)).replace("http://", "http://me:secret@")
    monkeypatch.setenv("http_proxy", proxy)
    assert download.fetch(wanted(url), tmp_path).read_bytes() == BODY
    assert passwords(server) == ["Basic " + base64.b64encode(b"me:secret").decode()]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_does_not_serve_is_named_as_the_cause(server, tmp_path, monkeypatch, scheme):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(f"{scheme}_proxy", f"http://me:secret@127.0.0.1:{port}")
    message = past(server, tmp_path, f"{scheme}://mirror.invalid/letters.tar.gz")
    assert f"the proxy failed: [Errno {errno.ECONNREFUSED}]" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("start", "byte", "cause"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"x", "407 Proxy Authentication"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", "has not answered in"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Flood: header\r\n" * 1000, "headers"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_costs_its_mirror_only(
    server, tmp_path, monkeypatch, start, byte, cause
):
    if "answered" in cause:
        hurry(monkeypatch, transfer, "ANSWER_SECONDS")
    proxy = server.serve("", status(404))
    server.replies["mirror.invalid:443"] = [raw(lambda: trickle(start, byte))]
    monkeypatch.setenv("https_proxy", proxy)
    assert cause in past(server, tmp_path, "https://mirror.invalid/letters.tar.gz")
    assert all_ended(server)


def test_a_host_without_an_address_is_named_as_the_cause(server, tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotMNISTError, match="Name or service not known"):
        download.fetch(wanted("http://mirror.invalid/letters.tar.gz"), tmp_path)


def test_certificates_that_are_gone_are_named_and_the_next_mirror_serves(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    message = past(server, tmp_path, "https://127.0.0.1:1/letters.tar.gz")
    assert "CA certificate bundle" in message
    assert "gone.pem" in message
    assert "cannot write" not in message


def test_a_server_that_speaks_no_tls_costs_its_mirror_only(server, tmp_path):
    url = server.serve("plain", ranged(BODY)).replace("http://", "https://")
    assert "SSL" in past(server, tmp_path, url)


@pytest.mark.parametrize(
    "encoding", [b"", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n"]
)
def test_the_body_of_a_redirect_is_left_unread(server, tmp_path, encoding):
    there = server.serve("there", ranged(BODY))
    bomb = gzip.compress(bytes(1 << 24))
    head = FOUND + there.encode() + b"\r\n" + encoding + b"\r\n"
    here = server.serve("here", raw(lambda: itertools.chain([head], itertools.repeat(bomb))))
    tracemalloc.start()
    path = download.fetch(wanted(here), tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.read_bytes() == BODY
    assert peak < 8_000_000
    assert all_ended(server)


@pytest.mark.parametrize("code", [404, 503])
def test_the_body_of_a_refusal_is_left_unread(server, tmp_path, code):
    head = b"HTTP/1.1 %d No\r\n\r\n" % code
    url = server.serve("no", raw(lambda: itertools.chain([head], itertools.repeat(bytes(65_536)))))
    assert f"status {code}" in past(server, tmp_path, url)
    assert all_ended(server)


@pytest.mark.parametrize(
    "location",
    [
        b"http://[::1", b"http://127.0.0.1:99999/", b"http://127.0.0.1:port/", b"http://",
        b"http:///letters.tar.gz", b"http://" + b"a" * 300 + b".invalid/", b"http://a..b/",
        b"http://\xff\xfe/", b"http://%zz/", b"\x1b[2Jfile:/etc/passwd", b"file:///etc/passwd",
        b"ftp://127.0.0.1/letters.tar.gz", b"data:,text", b"//[", b"x" * 60_000, b"",
    ],
)  # fmt: skip
def test_a_redirect_to_nowhere_costs_its_mirror_only(server, tmp_path, location):
    url = server.serve("lost", raw(lambda: [FOUND + location + b"\r\n\r\n"]))
    server.replies["/" + "x" * 60_000] = [status(404)]
    past(server, tmp_path, url)


def test_a_redirect_without_an_address_costs_its_mirror_only(server, tmp_path):
    assert "status 302" in past(server, tmp_path, server.serve("lost", status(302)))


def test_few_redirects_are_followed_and_no_more(server, tmp_path):
    for hop in range(transfer.MOST_REDIRECTS + 1):
        server.serve(f"hop{hop}", status(302, Location=f"/hop{hop + 1}"))
    last = server.serve(f"hop{transfer.MOST_REDIRECTS + 1}", ranged(BODY))
    first = last.replace(f"hop{transfer.MOST_REDIRECTS + 1}", "hop0")
    assert "redirects" in past(server, tmp_path, first)
    second = first.replace("hop0", "hop1")
    assert download.fetch(wanted(second), tmp_path / "new").read_bytes() == BODY


def test_cookies_that_grow_from_redirect_to_redirect_are_bounded(server, tmp_path):
    cookies = b"".join(b"Set-Cookie: name%d=%s\r\n" % (i, b"x" * 4000) for i in range(99))
    url = server.serve("grow", raw(lambda: [FOUND + b"/grow\r\n" + cookies + b"\r\n"]))
    assert "endless" in past(server, tmp_path, url)


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints"])
def test_interim_answers_are_passed_over(server, tmp_path, interim):
    hints = interim + b"\r\nLink: </style.css>; rel=preload\r\n\r\n"
    answer = OK + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    url = server.serve("hints", raw(lambda: [hints, hints, hints + answer]))
    assert download.fetch(wanted(url), tmp_path).read_bytes() == BODY


ENDLESS = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "102": b"HTTP/1.1 102 Processing\r\n\r\n" * 1000,
    "103": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 1000,
    "headers": b"X-Header: value\r\n" * 90 + b"X-Long: " + b"x" * 64_000 + b"\r\n",
    "one header": b"x" * 65_536,
    "lines without an end": b"\r" * 65_536,
}


@pytest.mark.parametrize("flood", ENDLESS.values(), ids=ENDLESS)
def test_headers_without_end_are_left_soon(server, tmp_path, flood):
    first = b"" if flood.startswith(b"HTTP/") else OK
    url = server.serve("flood", raw(lambda: itertools.chain([first], itertools.repeat(flood))))
    past(server, tmp_path, url)
    assert server.sent < 50_000_000
    assert all_ended(server)


@pytest.mark.parametrize(
    "start",
    [
        b"", b"HTTP/1.1 2", OK, OK + b"X-Slow: ", b"HTTP/1.1 100 Continue\r\n",
        FOUND + b"/good\r\nX-Slow: ",
    ],
)  # fmt: skip
def test_an_answer_that_trickles_ends_by_a_deadline(server, tmp_path, monkeypatch, start):
    hurry(monkeypatch, transfer, "ANSWER_SECONDS")
    url = server.serve("slow", raw(lambda: trickle(start, b"x")))
    assert "has not answered in" in past(server, tmp_path, url)
    assert all_ended(server)


@pytest.mark.parametrize(
    ("start", "byte"),
    [
        (OK + b"\r\n", BODY[:1]),
        (CHUNKED, b"0"),
        (CHUNKED + b"1;extension=", b"x"),
        (CHUNKED + b"1\r\n\x1f\r\n", b"0"),
        (CHUNKED + b"0\r\nX-Trailer: ", b"x"),
    ],
)
def test_a_body_that_trickles_ends_by_a_deadline(server, tmp_path, monkeypatch, start, byte):
    hurry(monkeypatch, download, "LONGEST_WAIT_SECONDS")
    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_SECOND", 1e9)
    url = server.serve("slow", raw(lambda: trickle(start, byte)))
    assert "has not sent the archive in" in past(server, tmp_path, url)
    assert all_ended(server)


def test_what_follows_the_archive_is_not_waited_for(server, tmp_path):
    for end in (b"", b"0\r\nX-Trailer: ", b"5", b"ffffff\r\n"):
        url = server.serve("slow", raw(lambda end=end: trickle(CHUNKED_BODY + end, b"0")))
        home = tmp_path / end.hex()
        assert download.fetch(wanted(url), home).read_bytes() == BODY
    assert all_ended(server)


@pytest.mark.parametrize("extension", [b"", b";" + b"x" * 50_000])
def test_chunks_of_one_byte_each(server, tmp_path, extension):
    """Chunk extensions are valid HTTP, but long ones make a reply far larger than its content."""
    chunks = [b"1%s\r\n%c\r\n" % (extension, byte) for byte in BODY[:200]]
    url = server.serve("chunks", raw(lambda: [CHUNKED, *chunks, b"0\r\n\r\n"]))
    message = past(server, tmp_path, url)
    assert ("endless" if extension else f"200 of {len(BODY):,} bytes") in message


def test_silence_ends_the_wait(server, tmp_path, monkeypatch):
    def silent(start):
        yield start
        released.wait(30)

    monkeypatch.setattr(transfer, "SILENCE_SECONDS", 0.5)
    released = threading.Event()
    for start in (b"", CHUNKED + b"5\r\n\x1f\x8b"):
        url = server.serve("silent", raw(lambda start=start: silent(start)))
        assert "it has sent nothing for" in past(server, tmp_path / start.hex(), url)
    released.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\0" * 100, b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n", b"\x1b]0;title\x07\x1b[2J\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n",
        OK + b"no header\r\n\r\n" + BODY[:9], OK + b": \r\n\r\n", OK + b"\xff\xfe: \xff\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n" + BODY,
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + BODY[:9],
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\n" + BODY,
        CHUNKED + b"-5\r\n" + BODY[:9], CHUNKED + b"zz\r\n" + BODY, CHUNKED + b"\r\n\r\n",
        CHUNKED + b"f" * 5000 + b"\r\n" + BODY[:9],
    ],
)  # fmt: skip
def test_what_is_no_sound_http_costs_its_mirror_only(server, tmp_path, answer):
    past(server, tmp_path, server.serve("odd", raw(lambda: [answer])))


@pytest.mark.parametrize("length", [b"-1", b"1e9", b"999999999", b"\xb2"])
def test_a_stated_length_that_is_wrong_costs_nothing(server, tmp_path, length):
    answer = OK + b"Content-Length: " + length + b"\r\n\r\n" + BODY
    url = server.serve("lying", raw(lambda: trickle(answer, b"x")))
    assert download.fetch(wanted(url), tmp_path).read_bytes() == BODY


def test_a_body_that_was_packed_once_more_is_not_unpacked(server, tmp_path):
    bomb = gzip.compress(bytes(1 << 26))

    def reply(handler):
        handler.start(200, len(bomb), Content_Encoding="gzip")
        handler.send(bomb)

    tracemalloc.start()
    message = past(server, tmp_path, server.serve("bomb", reply))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "of 102,402 bytes" in message or "wrong sha256" in message
    assert peak < 8_000_000


def started(home):
    """Leave the first bytes of the archive, as an earlier call does."""
    home.mkdir(exist_ok=True)
    (home / "letters.tar.gz.part").write_bytes(BODY[:1000])
    return home


def partial(content_range, body, **headers):
    def reply(handler):
        handler.start(206, len(body), **content_range, **headers)
        handler.send(body)

    return reply


@pytest.mark.parametrize(
    ("stated", "body"),
    [
        ("bytes 500-102401/102402", BODY[500:]),
        ("bytes 2000-102401/102402", BODY[2000:]),
        ("bytes 102402-102401/102402", b""),
        ("bytes */102402", BODY[1000:]),
        ("bytes -1000-102401/102402", BODY[1000:]),
        ("items 1000-102401/102402", BODY[1000:]),
        ("bytes " + "9" * 5000 + "-/", BODY[1000:]),
    ],
)
def test_a_part_that_was_not_asked_for_is_not_taken(server, tmp_path, stated, body):
    url = server.serve("lying", partial({"Content_Range": stated}, body), whole(BODY))
    assert download.fetch(wanted(url), started(tmp_path)).read_bytes() == BODY
    assert [request.get("Range") for request in server.requests] == ["bytes=1000-", None]


def test_a_mirror_that_never_sends_what_is_asked_for_does_not_cost_what_was_fetched(
    server, tmp_path
):
    lying = server.serve("lying", partial({"Content_Range": "bytes 5-9/10"}, BODY[5:10]))
    good = server.serve("good", ranged(BODY))
    with pytest.raises(NotMNISTError, match="a different part of the file"):
        download.fetch(wanted(lying), started(tmp_path))
    assert download.fetch(wanted(lying, good), tmp_path).read_bytes() == BODY
    assert server.requests[-1]["Range"] == "bytes=1000-"


def test_a_part_without_a_word_on_its_place_is_judged_by_its_content(server, tmp_path, monkeypatch):
    right = server.serve("right", partial({}, BODY[1000:]))
    assert download.fetch(wanted(right), started(tmp_path / "right")).read_bytes() == BODY
    wrong = server.serve("wrong", partial({}, BODY[:-1000]), whole(BODY))
    assert download.fetch(wanted(wrong), started(tmp_path / "wrong")).read_bytes() == BODY


def test_an_empty_answer_does_not_cost_what_was_fetched(server, tmp_path):
    empty, cut = server.serve("empty", whole(b"")), server.serve("cut", whole(BODY, cut=0))
    with pytest.raises(NotMNISTError, match="it sent nothing"):
        download.fetch(wanted(empty, cut), started(tmp_path))
    assert (tmp_path / "letters.tar.gz.part").read_bytes() == BODY[:1000]


def test_a_disk_that_is_full_is_no_fault_of_the_mirror(server, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "open", full, raising=False)
    url = server.serve("good", ranged(BODY))
    with pytest.raises(NotMNISTError, match=r"cannot write .*: No space left on device"):
        download.fetch(wanted(url, url), tmp_path)
    assert len(server.requests) == 1


def test_ipv6_addresses_are_asked(tmp_path):
    url = "http://[::1]:1/letters.tar.gz"
    with pytest.raises(NotMNISTError, match=r"\[Errno \d+\]"):
        download.fetch(wanted(url), tmp_path)
