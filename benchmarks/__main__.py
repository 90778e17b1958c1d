"""Run every benchmark: ``python benchmarks``. An hour or two, with the machine to itself.

Each is a script of its own too, and replaces its own rows of ``misc/benchmarks.json``, all or none.
"""

import subprocess
import sys
from pathlib import Path

NAMES = ("pipeline", "deduplication", "training", "peers", "plot")


def main() -> None:
    """Run them one after another; the first that fails ends it."""
    for name in NAMES:
        script = Path(__file__).with_name(f"{name}.py")
        if subprocess.run([sys.executable, script], check=False).returncode:
            sys.exit(f"{name} failed: its figures are as they were")


if __name__ == "__main__":
    main()
