"""Run every benchmark: ``python -m benchmarks``. An hour or two, with the machine to itself.

Each is a command of its own too, such as ``python -m benchmarks.pipeline``, and replaces its own
rows of ``misc/benchmarks.json``, all or none.
"""

import subprocess
import sys

NAMES = ("pipeline", "deduplication", "training", "peers", "plot")


def main() -> None:
    """Run them one after another; the first that fails ends it."""
    for name in NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"{name} failed: its figures are as they were")


if __name__ == "__main__":
    main()
