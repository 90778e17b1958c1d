"""Measure the time and memory that it takes to prepare the genuine small archive in every packing.

``python -m benchmarks.packings`` packs the content of NOTMNIST_SMALL_ARCHIVE in every way, runs
``notmnist prepare`` on each result in turn, and prints the table of docs/genuine-data.md. It
fails unless all packings give the same pickle.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from benchmarks.record import finish
from notmnist import files
from notmnist.sources import NOTMNIST_SMALL

ROUNDS = 3
NAME = "notmnist-small"


def main() -> None:
    """Pack the archive in every way, measure each, compare the pickles and print the table."""
    argparse.ArgumentParser(prog="python -m benchmarks.packings", description=__doc__).parse_args()
    genuine = os.environ.get("NOTMNIST_SMALL_ARCHIVE")
    if not genuine:
        sys.exit("set NOTMNIST_SMALL_ARCHIVE to the path of the genuine small archive")
    with tempfile.TemporaryDirectory() as name:
        packed = pack(Path(genuine), Path(name))
        figures = {packing: [] for packing in packed}
        pickles = set()
        for _ in range(ROUNDS):
            for packing, path in packed.items():
                home = Path(name) / "home"
                home.mkdir()
                figures[packing].append(prepare(path, home))
                pickles.add(files.sha256(home / f"{NAME}.joblib"))
                shutil.rmtree(home)
    print("| packing | seconds | processor seconds | peak memory, MB |\n| --- | --- | --- | --- |")
    for packing, rounds in figures.items():
        wall, cpu, peak = np.median(rounds, axis=0)
        print(f"| {packing} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |")
    if len(pickles) != 1:
        sys.exit("the packings give different pickles")
    print(f"sha256 of every pickle: {pickles.pop()}")


# getrusage would include the memory of this process when it started the other one.
MEASURED = """
import os, pathlib, sys
from notmnist import cli

status = cli.main(sys.argv[1:])
peak = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(sum(os.times()[:2]), int(peak) / 1000)
sys.exit(status)
"""


def prepare(archive: Path, home: Path) -> tuple[float, ...]:
    """Run the command; return its seconds, its processor seconds and its peak memory in MB."""
    arguments = ["prepare", NAME, "--archive", archive, "--home", home]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds = time.perf_counter() - start
    return (seconds, *map(float, done.stdout.splitlines()[-1].split()))


def pack(genuine: Path, folder: Path) -> dict[str, Path]:
    """Pack the content of the genuine archive in every way, and return the paths."""
    unpacked = folder / "unpacked"
    with tarfile.open(genuine) as tar:
        tar.extractall(unpacked, filter="data")
    packed = {"tar.gz, as given": genuine}
    for packing in ("tar", "tar.gz", "tar.bz2", "tar.xz"):
        packed[packing] = folder / f"small.{packing}"
        mode = f"w:{packing.removeprefix('tar').lstrip('.')}"
        with tarfile.open(packed[packing], mode, format=tarfile.GNU_FORMAT) as tar:
            tar.add(unpacked, ".")
    packed["tar.gz with pax headers"] = folder / "small.pax.tar.gz"
    with tarfile.open(packed["tar.gz with pax headers"], "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.add(unpacked, ".", filter=with_fraction)
    packed["zip"] = folder / "small.zip"
    with zipfile.ZipFile(packed["zip"], "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(unpacked.rglob("*.png")):
            archive.writestr(path.relative_to(unpacked).as_posix(), path.read_bytes())
    packed["folder"] = unpacked
    packed["folder with junk"] = shutil.copytree(unpacked, folder / "junk")
    for junk in (".DS_Store", "A/.DS_Store", "A/._x.png", "B/Thumbs.db", "A.pickle"):
        (folder / "junk" / "notMNIST_small" / junk).write_bytes(bytes(1_000_000))
    packed["folder without the broken files"] = shutil.copytree(unpacked, folder / "fewer")
    for name in NOTMNIST_SMALL.unreadable:
        (folder / "fewer" / "notMNIST_small" / name).unlink()
    return packed


def with_fraction(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give a member a time that requires a pax header, as macOS and GNU's posix format do."""
    member.mtime = member.mtime + 0.5
    return member


if __name__ == "__main__":
    finish(main)
