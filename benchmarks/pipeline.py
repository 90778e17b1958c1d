"""From archive to arrays: our pipeline beside the original's recipe and the bare arithmetic.

``python benchmarks/pipeline.py`` makes archives of 18,726, 56,000 and 529,119 images with the
generator and runs in turn, each in a process of its own, our preparation, the original's, and the
floor: inflating the archive and its PNG files, and nothing else.
"""

import argparse
import gzip
import io
import multiprocessing
import os
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import original
from PIL import Image
from record import measurement, save

import notmnist
from notmnist import (
    deduplication,
    extraction,
    files,
    members,
    pickling,
    plain_tar,
    png,
    preparation,
)
from notmnist.glyphs.archives import member_name, read_archive
from notmnist.glyphs.expansion import expand
from notmnist.sources import LETTERS, Archive, Source

SIZES = (18_726, 56_000, 529_119)
MODULES = (deduplication, extraction, members, pickling, plain_tar, png, preparation)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measured, ours = [], []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            archive = make_archive(Path(name) / "letters.tar.gz", size)
            rounds = [measure(archive) for _ in range(options.rounds)]
        columns = {way: [figures[way] for figures in rounds] for way in rounds[0]}
        for way, figures in columns.items():
            wall, cpu, memory, disk = np.median(figures, axis=0)
            print(
                f"{size:>8,} {way:<9} {wall:7.2f} s, {cpu:7.2f} s of CPU, "
                f"{memory:6.2f} GB of memory, {disk:6.3f} GB of disk"
            )
        seconds = {way: [figure[0] for figure in figures] for way, figures in columns.items()}
        ours.append(np.median(seconds["ours"]))
        for name, way in (("pipeline", "original"), ("pipeline/floor", "floor")):
            measured.append(measurement(name, size, "s", seconds["ours"], seconds[way], MODULES))
    if len(ours) > 1:
        exponent = np.polyfit(np.log(options.sizes), np.log(ours), 1)[0]
        print(f"our time grows as the number of images to the power of {exponent:.2f}")
    save(measured)


def make_archive(path: Path, size: int) -> Archive:
    """Write varied letters as Pillow encodes them, which gives the genuine files' very bytes."""
    stored = path.with_name("stored.tar.gz")
    expand(stored, size, seed=1)
    counts = dict.fromkeys(LETTERS, 0)
    with tarfile.open(path, "w:gz", compresslevel=6) as tar:
        for letter, font, image in read_archive(stored):
            counts[letter] += 1
            content = io.BytesIO()
            Image.fromarray(image).save(content, "PNG")
            member = tarfile.TarInfo(member_name("letters", letter, font))
            member.size = content.tell()
            content.seek(0)
            tar.addfile(member, content)
            tar.members.clear()  # half a million headers weigh 1 GB
    stored.unlink()
    return Archive(path.name, path.stat().st_size, files.sha256(path), path=path, counts=counts)


def measure(archive: Archive) -> dict[str, tuple[float, float, float, float]]:
    """Run every way once."""
    return {way.__name__.removesuffix("_way"): alone(way, archive) for way in WAYS}


def alone(
    way: Callable[[Archive, Path], None], archive: Archive
) -> tuple[float, float, float, float]:
    """Run one way in a process of its own: seconds, CPU seconds, peak memory and disk in GB."""
    folder = Path(tempfile.mkdtemp(dir=archive.path.parent))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=watched, args=(way, archive, folder, sender)
    )
    process.start()
    figures = receiver.recv()
    process.join()
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    return (*figures, disk / 1e9)


def watched(way: Callable[[Archive, Path], None], archive: Archive, folder: Path, sender) -> None:
    """Run one way and send its seconds, CPU seconds and peak memory; imports are not counted."""
    start, before = time.perf_counter(), cpu_seconds()
    way(archive, folder)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - before
    sender.send((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def cpu_seconds() -> float:
    """Return the CPU time of this process and its children."""
    return sum(os.times()[:4])


def ours_way(archive: Archive, folder: Path) -> None:
    """Prepare with the package."""
    source = Source("letters", "generated", ((archive, "font-twentieths"),), "none", "CC0-1.0")
    notmnist.prepare(source, home=folder)


def original_way(archive: Archive, folder: Path) -> None:
    """Prepare by the original's recipe."""
    original.prepare(archive.path, folder)


def floor_way(archive: Archive, folder: Path) -> None:
    """Inflate the archive, then every PNG file in it."""
    with gzip.open(archive.path) as file:
        tar = file.read()
    position = 0
    while tar[position]:
        size = int(tar[position + 124 : position + 135], 8)
        start = position + 512
        if tar[position + 156] == ord("0"):
            zlib.decompress(tar[start + 41 : start + size - 16])
        position = start + -(-size // 512) * 512


WAYS = (ours_way, original_way, floor_way)


if __name__ == "__main__":
    sys.exit(main())
