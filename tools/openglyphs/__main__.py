"""The maintainers' command: ``python -m tools.openglyphs``."""

import argparse
import sys
from pathlib import Path

from notmnist.errors import NotMNISTError, needs_extra
from tools.openglyphs.expansion import expand
from tools.openglyphs.provenance import TABLE, count_table


def _build(packages: Path, out: Path, table: Path) -> None:
    with needs_extra("openglyphs"):
        from tools.openglyphs.rendering import build
    build(packages, out, table)


def _count() -> None:
    print(count_table())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.openglyphs", description="Build, expand or count OpenGlyphs."
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("build", help="build the archives from the provenance table")
    command.add_argument("--packages", type=Path, required=True, help="folder of the font packages")
    command.add_argument("--out", type=Path, required=True, help="folder for the archives")
    command.add_argument(
        "--table", type=Path, default=TABLE, help="provenance table (default: the embedded one)"
    )
    command.set_defaults(run=_build)
    command = commands.add_parser("expand", help="write an archive of varied training glyphs")
    command.add_argument("--count", type=int, required=True, help="number of glyphs")
    command.add_argument("--seed", type=int, default=0, help="seed of the variations (default: 0)")
    command.add_argument("--out", type=Path, required=True, help="tar.gz file to write")
    command.set_defaults(run=expand)
    command = commands.add_parser("count", help="print the tables of counts for the data card")
    command.set_defaults(run=_count)
    options = vars(parser.parse_args(arguments))
    try:
        options.pop("run")(**options)
    except NotMNISTError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
