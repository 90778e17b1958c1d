"""Read a zip archive by way of the directory at its end."""

import hashlib
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from notmnist.archives.members import (
    ACCEPTED,
    MAX_MEMBER_BYTES,
    NOT_REGULAR,
    TOO_LARGE,
    Content,
    Members,
)
from notmnist.errors import NotMNISTError

# zipfile reads the whole directory into memory. For the large archive, it takes 60 MB.
MAX_DIRECTORY_BYTES = 256 << 20
_ENCRYPTED = 0x1
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    ValueError,
)  # fmt: skip


class Zip:
    """Read a zip archive; see `Reader`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.sha256 = ""

    def members(self, is_wanted: Callable[[bytes], bool]) -> Members:
        """Yield all members, with the contents of those wanted; see `Reader.members`."""
        try:
            with _Bounded(io.FileIO(self.path)) as file:
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                self.size = file.tell()
                with zipfile.ZipFile(file) as archive:
                    for member in archive.infolist():
                        name = member.filename.replace("\\", "/").encode()
                        if not name.endswith(b"/"):
                            yield name, self._content(archive, member, is_wanted(name))
                # Members are not read in the order of the file, so hash it again afterwards.
                file.seek(0)
                if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                    raise ValueError("it changed while it was read")
        except (*_DAMAGE, OSError) as error:
            raise NotMNISTError(
                f"{self.path} is damaged or cut short ({error}): fetch it again, or give {ACCEPTED}"
            ) from error

    def _content(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, wanted: bool) -> Content:
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
            return NOT_REGULAR
        if not wanted:
            return b""
        if member.flag_bits & _ENCRYPTED:
            raise NotMNISTError(
                f"{self.path} is encrypted: unpack it with its password, and pass the folder"
            )
        if member.file_size > MAX_MEMBER_BYTES:
            return TOO_LARGE
        try:
            return archive.read(member)
        except NotImplementedError as error:
            raise NotMNISTError(
                f"{self.path} needs another program ({error}): unpack it, and pass the folder"
            ) from error
        except _DAMAGE as error:
            return str(error)


class _Bounded(io.BufferedReader):
    """Refuse to read an oversized directory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise NotMNISTError(
                f"{self.name} has a directory of {size:,} bytes, more than the "
                f"{MAX_DIRECTORY_BYTES:,} that are read: get the archive elsewhere"
            )
        return super().read(size)
