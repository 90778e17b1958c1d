"""Time ``notmnist predict`` on one picture, from the command's start to its end.

``python -m benchmarks.prediction`` runs the command in turn with the floor: a Python process that
only imports NumPy and Pillow, so that the command can only be slower. The first round, which fills
the system's caches of files, does not count.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.record import check_room, finish, measurement, save, seconds
from notmnist import cli
from notmnist.prediction import network, pictures, trained
from tools.readme.pictures import PICTURES

MODULES = (cli, network, pictures, trained)
PICTURE = "photo.jpg"


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    check_room(memory=0.5, disk=0.1)
    floor = [sys.executable, "-c", "import numpy, PIL.Image"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PICTURE
        _, make = PICTURES[PICTURE]
        make().save(path)
        command = [sys.executable, "-m", "notmnist", "predict", str(path)]
        runs = [(seconds(command), seconds(floor)) for _ in range(1 + rounds)][1:]
    ours, reference = zip(*runs, strict=True)
    save([measurement("predict, imports alone", 1, "s", ours, reference, MODULES)])


if __name__ == "__main__":
    finish(main)
