"""The maintainers' command: ``python -m tools.readme``."""

import sys

from notmnist import files
from notmnist.errors import NotMNISTError, UsageError
from tools.readme import pages


def main() -> int:
    """Write the tables; the exit status is 0, or 1 or 2 after one line on stderr."""
    root = files.checkout()
    try:
        if root is None:
            raise UsageError("the tables stand in a checkout's pages: run it from a checkout")
        for page in pages.write(root):
            print(page)
    except NotMNISTError as error:
        print(f"tools.readme: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
