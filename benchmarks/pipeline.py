"""Compare our way from archive to arrays with the original's and with bare arithmetic.

``python -m benchmarks.pipeline`` generates archives of 18,726, 56,000 and 529,119 images. On each,
it runs in turn our preparation, the original's, and the floor, which only inflates the archive and
its PNG files. Each runs in a process of its own. It then measures the time to a first batch, with
our `load` and by unpickling the original's file.
"""

import argparse
import gzip
import io
import multiprocessing
import os
import pickle
import resource
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

import notmnist
from benchmarks import original
from benchmarks.record import check_room, finish, measurement, save
from notmnist import files, pipeline
from notmnist.archives import extraction, members, plain_tar, png, published, tars
from notmnist.deduplication import exact
from notmnist.prepared import build, cards, layout
from notmnist.sources import LETTERS, Archive, Source
from tools.openglyphs.archives import member_name, read_archive, write_tar
from tools.openglyphs.expansion import expand

SIZES = (18_726, 56_000, 529_119)
MODULES = (
    build,
    cards,
    exact,
    extraction,
    layout,
    members,
    original,
    pipeline,
    plain_tar,
    png,
    published,
    tars,
)


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    # The original needs four copies of the images as float64, in memory and on the disk.
    gigabytes = max(options.sizes) * 28 * 28 * 8 * 4 / 1e9
    check_room(memory=1 + gigabytes, disk=1 + gigabytes)
    measured = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            archive = make_archive(Path(name) / "letters.tar.gz", size)
            rounds = [measure(archive) for _ in range(options.rounds)]
        columns = {way: [figures[way] for figures in rounds] for way in rounds[0]}
        for way, figures in columns.items():
            wall, cpu, peak, private, disk = np.median(figures, axis=0)
            print(
                f"{size:>8,} {way:<15} {wall:8.3f} s, {cpu:7.2f} s of CPU, {peak:6.3f} GB of peak "
                f"memory, {private:6.3f} GB kept, {disk:6.3f} GB on disk"
            )
        seconds = {way: [figure[0] for figure in figures] for way, figures in columns.items()}
        for name, ours, reference in (
            ("pipeline", "prepare", "original"),
            ("pipeline, bare arithmetic", "prepare", "floor"),
            ("load", "load", "unpickle"),
        ):
            pair = seconds[ours], seconds[reference]
            measured.append(measurement(name, size, "s", *pair, MODULES))
    save(measured)


def make_archive(path: Path, size: int) -> Archive:
    """Write varied letters as Pillow encodes them, which gives the same bytes as genuine files."""
    stored = path.with_name("stored.tar.gz")
    expand(stored, size, seed=1)
    counts = dict.fromkeys(LETTERS, 0)

    def members() -> Iterator[tuple[str, bytes]]:
        for letter, font, image in read_archive(stored):
            counts[letter] += 1
            content = io.BytesIO()
            Image.fromarray(image).save(content, "PNG")
            yield member_name("letters", letter, font), content.getvalue()

    write_tar(path, members(), level=6)
    stored.unlink()
    return Archive(path.name, path.stat().st_size, files.sha256(path), path=path, counts=counts)


def measure(archive: Archive) -> dict[str, tuple]:
    """Run every preparation once, each in a folder of its own, and read a first batch from two."""
    with tempfile.TemporaryDirectory(dir=archive.path.parent) as name:
        folders = [Path(name) / way for way in ("ours", "original", "floor")]
        ours, theirs, floor = folders
        for folder in folders:
            folder.mkdir()
        return {
            "prepare": alone(prepare, archive, ours),
            "original": alone(original_prepare, archive, theirs),
            "floor": alone(inflate, archive, floor),
            "load": alone(load_batch, archive, ours),
            "unpickle": alone(unpickle_batch, archive, theirs),
        }


def alone(way: Callable[[Archive, Path], None], archive: Archive, folder: Path) -> tuple:
    """Run one way in a process of its own, and return what it took.

    The figures are seconds, CPU seconds, the peak of memory (including imports), the private memory
    that is still in use at the end, and the size of the files; sizes are in GB.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=watched, args=(way, archive, folder, sender)
    )
    process.start()
    figures = receiver.recv()
    process.join()
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return (*figures, disk / 1e9)


def watched(way: Callable, archive: Archive, folder: Path, sender) -> None:
    """Run one way, and send what it took. The time of imports does not count."""
    private, start, cpu = private_memory(), time.perf_counter(), cpu_seconds()
    kept = way(archive, folder)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    users = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    peak = max(resource.getrusage(user).ru_maxrss for user in users) / 1e6
    sender.send((seconds, cpu, peak, private_memory() - private))
    del kept


def private_memory() -> float:
    """Return the memory that this process does not share with others, in GB."""
    return psutil.Process().memory_full_info().uss / 1e9


def cpu_seconds() -> float:
    """Return the CPU time of this process and its children."""
    return sum(os.times()[:4])


def source_of(archive: Archive) -> Source:
    """Describe the archive as a dataset."""
    return Source("letters", "generated", ((archive, "font-twentieths"),), "none", "CC0-1.0")


def prepare(archive: Archive, folder: Path) -> None:
    """Prepare the archive with the package."""
    notmnist.prepare(source_of(archive), home=folder)


def original_prepare(archive: Archive, folder: Path) -> None:
    """Prepare the archive as the original did."""
    original.prepare(archive.path, folder)


def inflate(archive: Archive, folder: Path) -> None:
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


def load_batch(archive: Archive, folder: Path) -> tuple:
    """Load the prepared dataset and scale a first batch; return both, so that both are kept."""
    data = notmnist.load(source_of(archive), home=folder)
    return data, (data.train.images[:1000].astype(np.float32) - 127.5) / 127.5


def unpickle_batch(archive: Archive, folder: Path) -> tuple:
    """Read the original's pickle and copy a first batch; return both, so that both are kept."""
    with open(folder / "data.pickle", "rb") as file:
        data = pickle.load(file)
    return data, data["X"][:1000].copy()


if __name__ == "__main__":
    finish(main)
