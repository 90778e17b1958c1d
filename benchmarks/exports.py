"""Measure the time, the peak memory and the file sizes of every export.

``python -m benchmarks.exports --dataset notmnist-small`` measures the exports of a dataset with all
its copies. Without the option, the dataset consists of varied glyphs, as many as the genuine large
archive has images. Each export runs in a process of its own. The output is the rows of
docs/exports.md.
"""

import argparse
import multiprocessing
import re
import tempfile
import time
from pathlib import Path

import notmnist
from benchmarks.record import check_room, finish
from notmnist import files
from notmnist.dataset import Dataset
from notmnist.exports import FORMATS
from notmnist.sources import OPENGLYPHS_SMALL, Archive, Source
from tools.openglyphs.expansion import expand

SIZE = 529_119
ARCHIVE = "varied.tar.gz"


def main() -> None:
    """Measure one format after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument(
        "--dataset", metavar="NAME", help="dataset to export (default: 529,119 varied glyphs)"
    )
    options = parser.parse_args()
    check_room(memory=2, disk=6)
    with tempfile.TemporaryDirectory() as name:
        data = (
            notmnist.load(options.dataset, dedup="none")
            if options.dataset
            else load_varied(Path(name))
        )
        for format in FORMATS:
            with tempfile.TemporaryDirectory(dir=name) as folder:
                print(row(format, *alone(data, format, Path(folder) / "out")), flush=True)


def load_varied(folder: Path, name: str = "varied") -> Dataset:
    """Make and prepare a dataset whose training archive is as large as that of ``notmnist``."""
    expand(folder / ARCHIVE, SIZE, seed=1)
    return notmnist.load(varied(name, folder), home=folder, dedup="none")


def varied(name: str, folder: Path) -> Source:
    """Describe the dataset of varied glyphs, whose archive must exist."""
    path = folder / ARCHIVE
    archive = Archive(path.name, path.stat().st_size, files.sha256(path), path=path)
    parts = ((archive, "font-twentieths"), (OPENGLYPHS_SMALL, "test"))
    return Source(name, "varied glyphs", parts, "none", "CC0-1.0")


def alone(data: Dataset, format: str, out: Path) -> tuple[int, float, float, float]:
    """Export in a process of its own; return the number of files, their MB, seconds and peak MB."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=watched, args=(data, format, out, sender))
    process.start()
    seconds, peak = receiver.recv()
    process.join()
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes) / 1e6, seconds, peak


def watched(data: Dataset, format: str, out: Path, sender) -> None:
    """Export, and send the seconds and the peak memory, which includes pages of the mapped file."""
    start = time.perf_counter()
    notmnist.export(data, format, out)
    seconds = time.perf_counter() - start
    # The peak that getrusage reports would include that of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    sender.send((seconds, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6))


def row(format: str, count: int, megabytes: float, seconds: float, peak: float) -> str:
    """Format a row of the table."""
    return f"| `{format}` | {count:,} | {megabytes:,.0f} | {seconds:,.1f} | {peak:,.0f} |"


if __name__ == "__main__":
    finish(main)
