"""The maintainers' command: ``python -m tools.gallery``."""

import argparse
import sys
from pathlib import Path

from notmnist.errors import NotMNISTError, UsageError, needs_extra


def _build(folder: Path) -> None:
    with needs_extra("docs"):
        from tools.gallery.site import build
    build(folder)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 0, 1 or 2, as for `notmnist.cli.main`."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.gallery",
        description="Build a static site of the notebooks, results, glyphs and docstrings.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="new or empty folder for the site")
    options = parser.parse_args(arguments)
    try:
        _build(options.folder)
    except (NotMNISTError, KeyboardInterrupt) as error:
        message = " ".join(str(error).split()) or "interrupted; nothing was written"
        print(f"tools.gallery: {message}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(options.folder / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
