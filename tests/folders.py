"""Helpers that look into folders."""

from pathlib import Path


def listing(folder: Path) -> list[str]:
    """List the names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
