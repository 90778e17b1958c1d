"""Request a file from a server, with bounds on time and size whatever the server sends.

The library requests knows the user's proxies and certificates. Left to itself, it would also send
passwords from ~/.netrc, read and decode the whole bodies of redirects, and wait for ever for a
server that sends one byte now and then.
"""

import http.client
import io
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ProxyError
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from notmnist.version import __version__

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0  # between two pieces of data
ANSWER_SECONDS = 60.0  # until the end of the headers, including all redirects
MOST_REDIRECTS = 5
MOST_HEADER_BYTES = 1 << 16

_CHUNK = 1 << 16
_LONGEST_MESSAGE = 300
_HEADERS = {
    # Some mirrors answer 406 to the User-Agent that Python sends by default.
    "User-Agent": f"Mozilla/5.0 (compatible; notmnist/{__version__})",
    "Accept-Encoding": "identity",
}


class MirrorError(Exception):
    """A mirror failed permanently: it does not have the file, or has a wrong one."""


class TransientError(MirrorError):
    """A mirror failed in a way that another try may overcome."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Answer:
    """Hold the answer of a server whose status and headers have arrived, but not its body.

    Attributes
    ----------
    status : int
        The HTTP status.
    headers : mapping of str to str
        By name, in upper or lower case.
    start : int or None
        The place in the file where the body begins; None if it is not part of the file.
    length : int or None
        Bytes of the body, as the server states them.
    """

    def __init__(self, response: requests.Response, offset: int, allowance: "_Allowance") -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.start = {200: 0, 206: _stated_start(response, offset)}.get(self.status)
        self.length: int | None = response.raw.length_remaining
        self._raw = response.raw
        self._allowance = allowance

    def pieces(self, most: int, seconds: float) -> Iterator[bytes]:
        """Yield the body as it arrives, undecoded, until it ends or has reached `most` bytes.

        Raises
        ------
        MirrorError
            When it takes longer than `seconds`, the connection fails, or the HTTP is not valid.
        """
        # Chunked encoding may double the bytes sent; anything beyond that is not content.
        self._allowance.renew("sent the archive", seconds, MOST_HEADER_BYTES + 2 * most)
        with _blaming_the_server():
            while most > 0 and (piece := self._raw.read1(min(most, _CHUNK), decode_content=False)):
                yield piece
                most -= len(piece)


@contextmanager
def ask(url: str, offset: int = 0) -> Iterator[Answer]:
    """Request a file, or the part after its first `offset` bytes, and follow redirects.

    Yields
    ------
    Answer
        The connection is closed afterwards, even if the body has not ended.

    Raises
    ------
    MirrorError
        When there is no answer; the message states the cause.
    """
    headers = _HEADERS | ({"Range": f"bytes={offset}-"} if offset else {})
    allowance = _Allowance()
    with _Session(allowance) as session:
        with _blaming_the_server():
            response = _follow(session, url, headers)
        with response:
            yield Answer(response, offset, allowance)


def _follow(session: "_Session", url: str, headers: dict[str, str]) -> requests.Response:
    for _ in range(1 + MOST_REDIRECTS):
        session.allowance.left = MOST_HEADER_BYTES
        response = session.get(
            url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS)
        )
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["Location"])
    raise MirrorError(f"more than {MOST_REDIRECTS} redirects")


def _stated_start(response: requests.Response, asked: int) -> int | None:
    stated = response.headers.get("Content-Range", f"bytes {asked}-")
    start = re.match(r"bytes (\d{1,15})-", stated)
    return int(start[1]) if start else None


class _Allowance:
    """Bound how long a server may go on sending, and how much."""

    def __init__(self) -> None:
        self.renew("answered", ANSWER_SECONDS, MOST_HEADER_BYTES)

    def renew(self, task: str, seconds: float, most: int) -> None:
        self.ends = time.monotonic() + seconds
        self.late = f"it has not {task} in {seconds:,.0f} seconds"
        self.left = most

    def seconds(self) -> float:
        """Return how long to wait for the next bytes, or raise TimeoutError if time is up."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError(self.late)
        return min(left, SILENCE_SECONDS)

    def spend(self, count: int) -> None:
        """Count bytes that have arrived, and raise HTTPException if there are too many."""
        self.left -= count
        if self.left < 0:
            raise http.client.HTTPException("it sends endless headers or padding")


class _Session(requests.Session):
    """Use the proxies and certificates of the environment, but send no credentials."""

    def __init__(self, allowance: _Allowance) -> None:
        super().__init__()
        self.allowance = allowance
        self.auth = lambda request: request  # without any, requests looks into ~/.netrc
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(allowance))

    def get_redirect_target(self, response: requests.Response) -> str | None:
        """Name no target: to follow a redirect, requests would first read its body."""
        return None


class _Adapter(HTTPAdapter):
    def __init__(self, allowance: _Allowance) -> None:
        super().__init__()
        self._allowance = allowance

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **options)
        new_connection: Any = partial(_connection, type(pool).ConnectionCls, self._allowance)
        pool.ConnectionCls = new_connection
        return pool


def _connection(make: Callable[..., Any], allowance: _Allowance, **options: Any) -> Any:
    connection = make(**options)
    connection.response_class = partial(_Response, allowance)
    return connection


class _Response(http.client.HTTPResponse):
    """Read within an allowance, and skip interim answers such as 103 Early Hints."""

    def __init__(
        self, allowance: _Allowance, sock: socket.socket, *args: Any, **options: Any
    ) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Wire(self.fp.detach(), sock, allowance))

    def begin(self) -> None:
        super().begin()
        while self.status < 200:
            self.headers = None  # type: ignore[assignment]  # so that it reads the next answer
            super().begin()


class _Wire(io.RawIOBase):
    """Read from a socket, whose own timeout would restart with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, allowance: _Allowance) -> None:
        self._raw = raw
        self._sock = sock
        self._allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._allowance.seconds())
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            count = None
        if count is None:
            self._allowance.seconds()
            raise TimeoutError(f"it has sent nothing for {SILENCE_SECONDS:,.0f} seconds")
        self._allowance.spend(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


@contextmanager
def _blaming_the_server() -> Iterator[None]:
    """Turn every error into a MirrorError, since a server may cause errors of any kind."""
    try:
        yield
    except MirrorError:
        raise
    except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
        raise TransientError(_cause(error)) from error
    except Exception as error:
        raise MirrorError(_cause(error)) from error


def _cause(error: BaseException) -> str:
    """Describe the error at the root of a chain, because those above it repeat the address."""
    where = "the proxy failed: " if isinstance(error, ProxyError) else ""
    while error.__context__:
        error = error.__context__
    words = " ".join(str(error).split()) or type(error).__name__
    # It may quote what the server sent.
    printable = "".join(sign if sign.isprintable() else "?" for sign in words)
    return where + printable[:_LONGEST_MESSAGE]
