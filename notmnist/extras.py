"""Optional dependencies: imported when they are needed, named with their remedy when missing."""

from importlib import import_module
from types import ModuleType

from notmnist.errors import NotMNISTError


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
