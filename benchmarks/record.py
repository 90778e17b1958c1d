"""Record measurements in ``misc/benchmarks.json``, one entry per name and size."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

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
    """Describe a measurement of our code and the reference, made side by side.

    Parameters
    ----------
    name, unit : str
        The name of the measurement, and its unit.
    size : int
        The number of images.
    ours, reference : sequence of float
        One figure per run. The medians are compared.
    modules : sequence of module
        The modules whose code was measured. Their hash tells whether the code has changed since.

    Returns
    -------
    dict
        An entry for the file.
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
    """Print the measurements, and save them in place of earlier ones of the same name and size."""
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


def seconds(command: Sequence[str], **options: Any) -> float:
    """Return how long a command takes, and fail if it fails; `subprocess.run` takes the options."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def check_room(*, memory: float, disk: float) -> None:
    """Exit if there is too little free memory or disk space, in GB, to finish a benchmark."""
    free_memory = psutil.virtual_memory().available / 1e9
    free_disk = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    for name, needed, free in (("memory", memory, free_memory), ("disk", disk, free_disk)):
        if free < needed:
            sys.exit(
                f"this benchmark needs {needed:g} GB of {name}, but only {free:.1f} GB are free"
            )


def finish(main: Callable[[], None]) -> None:
    """Run a benchmark; if it is interrupted, say so in one line and keep earlier figures."""
    try:
        main()
    except (KeyboardInterrupt, MemoryError, OSError) as error:
        sys.exit(f"interrupted ({type(error).__name__} {error}): no figure was replaced")
