"""Errors and notes for users, each in one line that says what to do."""

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
        ) from None  # its traceback says nothing more


def say(message: str) -> None:
    """Print one line on stderr for the person who runs a command."""
    if sys.stderr is not None:  # a program without a console has none
        line = printable(" ".join(message.split()))
        print(f"notmnist: {line}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    r"""Write line ends, control characters and their like as escapes, such as ``\n``.

    The name of a file may hold any of them, but must not break a line nor command the terminal.
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt where an interrupt comes out of Python's own locks as another error.

    A lock that waits for a thread and is interrupted in its middle fails with a RuntimeError, as it
    releases what it does not hold.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
