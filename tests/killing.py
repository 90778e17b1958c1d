"""Prepare a dataset again and again, killed at random moments; test_faults runs it by itself.

A process of its own, without threads, can fork children that have imported everything.
"""

import os
import pickle
import random
import signal
import sys
import time
from pathlib import Path

from notmnist import files, pipeline
from notmnist.archives import download  # noqa: F401  (so that no child takes its time to import it)
from notmnist.prepared import build  # noqa: F401


def prepare(source, home: Path) -> int:
    """Prepare in a child and return its process number."""
    child = os.fork()
    if child == 0:
        pipeline.prepare(source, home=home)
        os._exit(0)
    return child


def main(record: Path, kills: int) -> None:
    """Print one line per kill: what the killed process left, and the next one's hash."""
    source = pickle.loads(record.read_bytes())
    start = time.monotonic()
    os.waitpid(prepare(source, record.parent / "undisturbed"), 0)
    duration = time.monotonic() - start
    moments = random.Random(kills)
    for number in range(kills):
        home = record.parent / str(number)
        child = prepare(source, home)
        time.sleep(moments.uniform(0, duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = sorted(path.name for path in home.iterdir()) if home.is_dir() else []
        os.waitpid(prepare(source, home), 0)
        print(files.sha256(home / f"{source.name}.joblib"), *left)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
