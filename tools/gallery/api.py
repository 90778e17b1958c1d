"""The docstrings of the package's public modules as HTML, by pdoc."""

import pkgutil
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pdoc

import notmnist
from notmnist.gallery.pages import TEMPLATES

_OF_MAINTAINERS = ("gallery", "glyphs")


def public_modules() -> list[str]:
    """List the package and its modules; those that need an extra which is not installed stay out.

    Neither ``__main__`` nor the maintainers' commands are among them.
    """
    modules = ["notmnist"]
    for module in pkgutil.iter_modules(notmnist.__path__):
        if not module.name.startswith("_") and module.name not in _OF_MAINTAINERS:
            with suppress(ModuleNotFoundError):
                modules.append(import_module(f"notmnist.{module.name}").__name__)
    return modules


def write(folder: Path) -> None:
    """Write a page a module, their list as ``index.html``, and an index to search in.

    Parameters
    ----------
    folder : Path
        Is created.
    """
    # Constants without a docstring stay out: they may hold paths of this machine.
    pdoc.render.configure(
        docformat="numpy",
        include_undocumented=False,
        show_source=False,
        template_directory=TEMPLATES,
    )
    pdoc.render.env.globals["version"] = notmnist.__version__
    pdoc.pdoc(*public_modules(), output_directory=folder)
