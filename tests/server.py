"""Run a real HTTP server on the loopback interface, whose replies can be made to misbehave."""

import re
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Send the replies prepared for a path in turn, and repeat the last one."""

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers))
        replies = self.server.replies[self.path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        try:
            reply(self)
        finally:
            self.server.ended.release()

    do_CONNECT = do_GET  # noqa: N815  (of a proxy; the path is then a host and port)

    def start(self, status: int, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes) -> None:
        # Counted first: once the client has the last byte, the test looks.
        self.server.sent += len(content)
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Count the requests, the bytes sent, and the replies that have ended."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[dict[str, str]] = []
        self.sent = 0
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def serve(self, name: str, *replies: Reply) -> str:
        """Prepare replies for a path, and return its address."""
        self.replies[f"/{name}"] = list(replies)
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_) -> None:
        """Stay silent when a client hangs up, as some are made to."""


def ranged(body: bytes, cut: int | None = None) -> Reply:
    """Serve a file with Range, and hang up after `cut` bytes."""

    def reply(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if start >= len(body):
            handler.start(416, 0, Content_Range=f"bytes */{len(body)}")
        elif asked:
            handler.start(
                206, len(body) - start, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}"
            )
        else:
            handler.start(200, len(body))
        handler.send(body[start:][:cut])

    return reply


def whole(body: bytes, cut: int | None = None, length: int | None = None) -> Reply:
    """Serve a file without Range, optionally with a wrong length, and hang up after `cut` bytes."""

    def reply(handler: Handler) -> None:
        handler.start(200, len(body) if length is None else length)
        handler.send(body[:cut])

    return reply


def status(code: int, **headers: str) -> Reply:
    """Reply with a status and no content."""

    def reply(handler: Handler) -> None:
        handler.start(code, 0, **headers)

    return reply


def raw(pieces: Callable[[], Iterable[bytes]]) -> Reply:
    """Send bytes as they are, HTTP or not, until they end or the client hangs up."""

    def reply(handler: Handler) -> None:
        for piece in pieces():
            handler.send(piece)

    return reply


def page() -> Reply:
    """Serve a web page where an archive should be."""
    return whole(b"<!DOCTYPE html><title>Forbidden</title>")
