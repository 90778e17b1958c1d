"""The docstrings of the package's public modules as HTML, by pdoc."""

import pkgutil
from pathlib import Path

import pdoc

import notmnist
from notmnist.gallery.pages import TEMPLATES


def public_modules() -> list[str]:
    """List the package and its modules but for `__main__` and the maintainers' sub-packages."""
    names = [
        module.name
        for module in pkgutil.iter_modules(notmnist.__path__)
        if not module.ispkg and not module.name.startswith("_")
    ]
    return ["notmnist", *(f"notmnist.{name}" for name in names)]


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
