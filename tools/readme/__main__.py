"""The maintainers' command: ``python -m tools.readme``."""

import argparse
import sys

from notmnist import files
from notmnist.errors import NotMNISTError, UsageError
from tools.readme import pages


def main() -> int:
    """Write the tables, and return the exit status: 0, or after one line on stderr 1 or 2."""
    argparse.ArgumentParser(
        prog="python -m tools.readme",
        description="Write the tables of README.md, docs/ and benchmarks/README.md anew from the "
        "committed results and measurements, and from what the trained network says of pictures.",
    ).parse_args()
    root = files.checkout()
    try:
        if root is None:
            raise UsageError(
                "the tables belong to the pages of a checkout: run this from a checkout"
            )
        for page in pages.write(root):
            print(page)
    except NotMNISTError as error:
        print(f"tools.readme: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
