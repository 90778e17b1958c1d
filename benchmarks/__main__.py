"""Run every benchmark with ``python -m benchmarks``.

This takes an hour or two and needs a machine that does nothing else. Each benchmark can also be run
alone, for example with ``python -m benchmarks.pipeline``. It replaces either all of its rows in
``misc/benchmarks.json`` or none.
"""

import argparse
import subprocess
import sys

NAMES = (
    "pipeline",
    "deduplication",
    "training",
    "peers",
    "frameworks",
    "prediction",
    "runs",
    "plot",
)


def main() -> None:
    """Run the benchmarks one after another, until one fails."""
    argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Run all benchmarks: {', '.join(NAMES)}. This takes an hour or two and "
        "needs a machine that does nothing else.",
        epilog="`python -m benchmarks.NAME --help` says more about one of them.",
    ).parse_args()
    for name in NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"benchmarks.{name} failed: its earlier figures are unchanged")


if __name__ == "__main__":
    main()
