"""What users are told when not all is well: errors of one line that say what to do, and notes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class NotMNISTError(Exception):
    """Report a failure whose message names the cause and the remedy."""


class UsageError(NotMNISTError, ValueError):
    """Report a request that can't be right, such as an unknown dataset name."""


class MissingExtraError(NotMNISTError, ImportError):
    """Report a library that is not installed and the extra of this package that installs it."""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Import optional libraries inside the block, and name the extra when one is missing.

    Parameters
    ----------
    extra : str
        The extra of this package that installs what the block imports.

    Raises
    ------
    MissingExtraError
        When one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'{error.name} is not installed: run pip install -e ".[{extra}]" in your checkout, or '
            f'pip install "FILE.whl[{extra}]" if you installed the package from a wheel'
        ) from error


def say(message: str) -> None:
    """Tell people on stderr, in one line, what goes on while a command runs."""
    if sys.stderr is not None:  # as it is in a program without a console
        print(f"notmnist: {' '.join(message.split())}", file=sys.stderr, flush=True)
