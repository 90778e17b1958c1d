"""The errors that users see, and the message for an extra that is missing: one clear line each."""

from importlib import import_module
from types import ModuleType


class NotMNISTError(Exception):
    """Report a failure whose message names the cause and the remedy."""


class UsageError(NotMNISTError, ValueError):
    """Report a request that can't be right, such as an unknown dataset name."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Parameters
    ----------
    module : str
        The module's name.
    extra : str
        The extra of this package that installs it.

    Returns
    -------
    module

    Raises
    ------
    NotMNISTError
        When it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise NotMNISTError(
            f'{error.name} is not installed: pip install "notmnist[{extra}]"'
        ) from error
