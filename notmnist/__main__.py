"""Run the command line as ``notmnist`` or ``python -m notmnist``."""

import sys

from notmnist.errors import say


def main() -> int:
    """Run one command; Ctrl-C ends it in one line, even during the imports."""
    try:
        from notmnist import cli

        return cli.main()
    except KeyboardInterrupt:
        if "--debug" in sys.argv:
            raise
        say("interrupted before anything was done")
        return 1


if __name__ == "__main__":
    sys.exit(main())
