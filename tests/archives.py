"""Make small real archives of letters, and the records that describe them."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from notmnist.sources import LETTERS, Archive, Source

FONTS = [f"Font {i:02d}.ttf" for i in range(30)]


def png(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)


def member(font: str, letter: str = "A") -> str:
    return f"letters/{letter}/{base64.b64encode(font.encode()).decode()}.png"


def letters(fonts: Iterable[str] = FONTS) -> dict[str, bytes]:
    """Make one image for every font and letter, all distinct, in notMNIST's layout."""
    names = [member(font, letter) for letter in LETTERS for font in fonts]
    return {name: png(noise(i)) for i, name in enumerate(names)}


def letters_with_copies() -> dict[str, bytes]:
    """Make letters: a quarter are copies, some have two different labels, and one is broken."""
    members = letters()
    names = sorted(members)
    for i in range(0, len(names), 4):
        members[names[i]] = members[names[(i * 7) % 90]]
    return members | {BROKEN: b""}


BROKEN = member("Broken.ttf", "F")


def tar_gz(path: Path, members: Mapping[str, bytes] | Iterable[tuple]) -> Path:
    """Write (name or TarInfo, content) pairs, in order."""
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(path, "w:gz") as tar:
        for item, content in pairs:
            info = item if isinstance(item, tarfile.TarInfo) else tarfile.TarInfo(item)
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write members in the packing that the path's suffix names; without one, as a folder."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    elif path.suffix:
        with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    else:
        path.mkdir()
        for name, content in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def record(path: Path, /, *urls: str, **facts) -> Archive:
    """Describe an archive as its source would publish it."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Archive(path.name, len(content), digest, urls=urls, **facts)


def source_of(*archives: Archive, rule: str = "font-tenths", name: str = "letters") -> Source:
    """Describe a dataset of archives that share a split rule."""
    return Source(name, "letters made here", tuple((a, rule) for a in archives), "none", "CC0-1.0")
