"""Read a folder into which an archive was unpacked."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from notmnist.archives.members import MAX_MEMBER_BYTES, NOT_REGULAR, TOO_LARGE, Content, Members
from notmnist.errors import NotMNISTError


class Folder:
    """Read all files in a folder, in an order that depends on names alone; see `Reader`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.sha256 = ""

    def members(self, is_wanted: Callable[[bytes], bool]) -> Members:
        """Yield all files, with the contents of those that are wanted; see `Reader.members`."""
        digest = hashlib.sha256()
        try:
            for name, entry in _files(self.path):
                wanted = is_wanted(name)
                content = _content(entry, wanted)
                if wanted and isinstance(content, bytes):
                    digest.update(b"%b\0%d\0%b" % (name, len(content), content))
                    self.size += len(content)
                yield name, content
        except OSError as error:
            raise NotMNISTError(
                f"cannot read {error.filename or self.path} ({error.strerror}): give a folder in "
                "which every file can be read"
            ) from error
        self.sha256 = digest.hexdigest()


def _files(root: Path) -> Iterator[tuple[bytes, os.DirEntry]]:
    """Walk through all folders without following links."""
    waiting = [(b"", str(root))]
    while waiting:
        prefix, folder = waiting.pop()
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
        for entry in ordered:
            name = prefix + os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((name + b"/", entry.path))
            else:
                yield name, entry


def _content(entry: os.DirEntry, wanted: bool) -> Content:
    if not entry.is_file(follow_symlinks=False):
        return NOT_REGULAR
    if not wanted:
        return b""
    with open(entry.path, "rb") as file:
        content = file.read(MAX_MEMBER_BYTES + 1)
    return content if len(content) <= MAX_MEMBER_BYTES else TOO_LARGE
