"""Manage the folders in which interrupted full runs keep what they have finished."""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from notmnist import files
from notmnist.errors import needs_extra
from notmnist.version import version_of

with needs_extra("notebooks"):
    import nbformat


def folder_for(
    stem: str, source: str, settings: Mapping[str, str], hashes: Sequence[str], home: Path
) -> Path:
    """Name the folder of a notebook's checkpoints.

    The name is a different one whenever anything that the results depend on has changed.

    Parameters
    ----------
    stem, source : str
        The notebook's name without ``.ipynb``, and the notebook as JSON.
    settings : mapping of str to str
        The notebook's dataset, budget and seeds.
    hashes : sequence of str
        The hashes of the prepared datasets.
    home : Path
        The cache folder.

    Returns
    -------
    Path
        A folder in the cache, which need not exist.
    """
    cells = nbformat.reads(source, as_version=4).cells
    package = Path(files.__file__).parent
    parts = [
        json.dumps(settings, sort_keys=True),
        *hashes,
        *(cell.source for cell in cells if cell.cell_type == "code"),
        *(path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))),
        platform.python_version(),
        *(version_of(module) for module in ("numpy", "sklearn", "scipy", "tensorflow", "keras")),
    ]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return home.absolute() / "checkpoints" / f"{stem}-{settings['NOTMNIST_DATASET']}-{digest[:16]}"


def remove(folder: Path) -> None:
    """Remove a notebook's checkpoints for a dataset, including those of its earlier code."""
    name = folder.name.rpartition("-")[0]
    for old in folder.parent.glob(f"{name}-*"):
        shutil.rmtree(old, ignore_errors=True)
