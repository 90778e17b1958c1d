"""State the version of this package, and find the versions of others."""

from functools import cache

__version__ = "0.1.0"


def version_of(module: str) -> str:
    """Return the version of the package that contains a module, or "unknown".

    For example, TensorFlow may come from the package ``tensorflow-cpu``.
    """
    from importlib.metadata import version  # slower than all of `import notmnist`

    names = _packages().get(module, [])
    return version(names[0]) if names else "unknown"


@cache
def _packages() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())
