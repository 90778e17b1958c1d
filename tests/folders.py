"""What tests look at when they look at folders."""

from pathlib import Path


def listing(folder: Path) -> list[str]:
    """Name what a folder holds, sorted."""
    return sorted(path.name for path in folder.iterdir())
