"""Measure every notebook on as many images as the genuine large archive has.

``python -m benchmarks.notebooks`` runs all notebooks, or those named, each in a kernel of its own.
529,119 varied glyphs stand in for ``notmnist``. The output is the rows of docs/scaling.md: seconds,
processor seconds and peak memory. ``--seeds 1 --budget full`` measures a part of a full run.
"""

import argparse
import asyncio
import re
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from benchmarks.exports import load_varied
from benchmarks.record import check_room, finish
from notmnist import files
from notmnist.running.notebooks import find_notebooks
from notmnist.running.settings import kernel_environment

# This replaces the source that the notebooks load as "notmnist".
STAND_IN = """
from pathlib import Path
from notmnist import sources
from benchmarks.exports import varied
sources.DATASETS["notmnist"] = varied("notmnist", Path({folder!r}))
"""


def main() -> None:
    """Measure the notebooks one after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notebooks", description=__doc__)
    parser.add_argument(
        "notebooks", metavar="NOTEBOOK", nargs="*", help="notebooks to run (default: all)"
    )
    parser.add_argument(
        "--budget", choices=("quick", "full"), default="quick", help="(default: quick)"
    )
    parser.add_argument("--seeds", default="", help="number of seeds (default: that of the budget)")
    options = parser.parse_args()
    check_room(memory=4, disk=3)
    settings = {
        "NOTMNIST_DATASET": "notmnist",
        "NOTMNIST_BUDGET": options.budget,
        "NOTMNIST_SEEDS": options.seeds,
        "NOTMNIST_PROGRESS": "0",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_varied(folder, "notmnist")
        print("| notebook | seconds | processor seconds | peak memory, GB |")
        print("| --- | ---: | ---: | ---: |")
        for path in find_notebooks(options.notebooks):
            environment = kernel_environment(
                settings, home=folder, misc=folder / "misc", scratch=folder
            )
            wall, cpu, peak = asyncio.run(measure(path, environment, STAND_IN.format(folder=name)))
            print(f"| {path.stem} | {wall:,.0f} | {cpu:,.0f} | {peak:.1f} |", flush=True)


async def measure(path: Path, environment: dict[str, str], before: str) -> tuple[float, ...]:
    """Run a cell and then a notebook; return seconds, processor seconds and peak memory in GB."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    client = NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": str(files.notebooks())}}
    )
    start = time.perf_counter()
    async with client.async_setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            await client.async_execute_cell(cell, index)
        seconds = time.perf_counter() - start
        pid = client.km.provisioner.pid
        times = psutil.Process(pid).cpu_times()
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return seconds, times.user + times.system, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1e6


if __name__ == "__main__":
    finish(main)
