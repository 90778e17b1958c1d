"""The package's version, which stands here and nowhere else, and the versions of other packages."""

from functools import cache

__version__ = "0.1.0"


def version_of(module: str) -> str:
    """Tell the version of the package that brought a module; "unknown" where nothing states it.

    TensorFlow's package, for one, may be called ``tensorflow-cpu``.
    """
    from importlib.metadata import version  # takes longer than all that `import notmnist` imports

    names = _packages().get(module, [])
    return version(names[0]) if names else "unknown"


@cache
def _packages() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())
