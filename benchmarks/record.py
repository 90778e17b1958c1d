"""Where every benchmark's figures go: ``misc/benchmarks.json``, one entry a name and size."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from types import ModuleType

from notmnist import files


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
        What was measured, and in what.
    size : int
        Images.
    ours, reference : sequence of float
        One figure a run; the medians are compared.
    modules : sequence of module
        The code that was measured, which its hash identifies.

    Returns
    -------
    dict
        An entry of the file.
    """
    code = hashlib.sha256(b"".join(Path(module.__file__).read_bytes() for module in modules))
    return {
        "name": name,
        "size": size,
        "unit": unit,
        "ours": median(ours),
        "reference": median(reference),
        "ratio": median(reference) / median(ours),
        "runs": {"ours": list(ours), "reference": list(reference)},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "code": code.hexdigest(),
    }


def save(measured: Sequence[dict]) -> None:
    """Print the measurements, and put them into the file in the place of earlier ones."""
    path = files.misc() / "benchmarks.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    new = {(entry["name"], entry["size"]) for entry in measured}
    kept = [entry for entry in kept if (entry["name"], entry["size"]) not in new]
    for entry in measured:
        print(
            f"{entry['name']:<42}{entry['size']:>9,}  ours {entry['ours']:.4g} {entry['unit']}, "
            f"reference {entry['reference']:.4g} {entry['unit']}, ratio {entry['ratio']:.3g}"
        )
    entries = sorted([*kept, *measured], key=lambda entry: (entry["name"], entry["size"]))
    files.write_text(path, json.dumps(entries, indent=1) + "\n")
