"""Record benchmarks in ``misc/benchmarks.json``, one entry for every name and size."""

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from types import ModuleType

import psutil

from notmnist import files
from tools.readme import speed

ROOT = Path(__file__).parents[1]


def measurement(
    name: str,
    size: int,
    unit: str,
    ours: Sequence[float],
    reference: Sequence[float],
    modules: Sequence[ModuleType],
) -> dict:
    """Describe what was measured side by side in one run.

    Parameters
    ----------
    name, unit : str
        What was measured, and its unit.
    size : int
        The number of images.
    ours, reference : sequence of float
        One figure per run; the medians are compared.
    modules : sequence of module
        The code that was measured, which its hash identifies.

    Returns
    -------
    dict
        An entry of the file.
    """
    paths = [Path(module.__file__).resolve().relative_to(ROOT).as_posix() for module in modules]
    return {
        "name": name,
        "size": size,
        "unit": unit,
        "ours": median(ours),
        "reference": median(reference),
        "ratio": median(reference) / median(ours),
        "runs": {"ours": list(ours), "reference": list(reference)},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "modules": paths,
        "code": speed.code_hash(ROOT, paths),
    }


def save(measured: Sequence[dict]) -> None:
    """Print the measurements, and put all of them into the file in the place of earlier ones."""
    path = files.misc() / "benchmarks.json"
    kept = speed.read_measurements(path)
    new = {(entry["name"], entry["size"]) for entry in measured}
    kept = [entry for entry in kept if (entry["name"], entry["size"]) not in new]
    for entry in measured:
        print(
            f"{entry['name']:<60}{entry['size']:>9,}  ours {entry['ours']:.4g} {entry['unit']}, "
            f"reference {entry['reference']:.4g} {entry['unit']}, ratio {entry['ratio']:.3g}"
        )
    entries = sorted([*kept, *measured], key=lambda entry: (entry["name"], entry["size"]))
    files.write_text(path, json.dumps(entries, indent=1) + "\n")


def check_room(*, memory: float, disk: float) -> None:
    """Stop before a benchmark starts that could not end: both in GB."""
    free_memory = psutil.virtual_memory().available / 1e9
    free_disk = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    for name, needed, free in (("memory", memory, free_memory), ("disk", disk, free_disk)):
        if free < needed:
            sys.exit(f"this benchmark needs {needed:g} GB of {name}, and {free:.1f} are free")


def finish(main: Callable[[], None]) -> None:
    """Run a benchmark; one that breaks off says so in a line, and earlier figures stay."""
    try:
        main()
    except (KeyboardInterrupt, MemoryError, OSError) as error:
        sys.exit(f"broken off ({type(error).__name__} {error}): no figure was replaced")
