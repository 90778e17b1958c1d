"""Compare a quick ``notmnist run`` with that of the code before notebooks ran side by side.

``python -m benchmarks.runs`` takes the earlier code from git, and lets both run the thirteen
notebooks that it has, in turn, from a prepared cache. The earlier code trains on version 1.0 of
OpenGlyphs, which is smaller.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.record import ROOT, check_room, finish, measurement, save, seconds
from notmnist import results, training
from notmnist.running import execution, notebooks, settings

MODULES = (execution, notebooks, results, settings, training)
BEFORE = "ef93c83"
IMAGES = 20_000  # the quick limit in the notebooks' Parameters cells


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    check_room(memory=8, disk=1)
    with tempfile.TemporaryDirectory() as name:
        before = Path(name) / "before"
        take_from_git(BEFORE, before)
        names = sorted(path.stem for path in (before / "notebooks").glob("*.ipynb"))
        for checkout in (ROOT, before):
            run(checkout, Path(name), "prepare", "openglyphs")
        runs = [
            [run(checkout, Path(name), "run", *names) for checkout in (ROOT, before)]
            for _ in range(rounds)
        ]
    ours, reference = zip(*runs, strict=True)
    save([measurement("run, thirteen notebooks", IMAGES, "s", ours, reference, MODULES)])


def take_from_git(commit: str, folder: Path) -> None:
    """Write the files of a commit into a new folder."""
    command = ["git", "archive", "--format=tar", commit]
    archive = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def run(checkout: Path, folder: Path, *arguments: str) -> float:
    """Return how long a command of a checkout takes; its cache and results go into a folder."""
    environment = os.environ | {
        "NOTMNIST_HOME": str(folder / f"home of {checkout.name}"),
        "NOTMNIST_MISC": str(folder / f"misc of {checkout.name}"),
        "PYTHONPATH": str(checkout),
    }
    command = [sys.executable, "-m", "notmnist", *arguments]
    return seconds(command, cwd=checkout, env=environment)


if __name__ == "__main__":
    finish(main)
