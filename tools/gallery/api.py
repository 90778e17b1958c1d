"""Render the docstrings of the package's public modules as HTML with pdoc."""

from pathlib import Path

import pdoc

import notmnist
from notmnist import training  # noqa: F401  (pdoc's own import of TensorFlow prints more)
from tools.gallery.pages import TEMPLATES

# Modules that are internal: what users import from a wing is documented on the wing's own page.
_INSIDE = r"!notmnist\.(\w+\.\w+|archives|prepared|running|__main__)"


def write(folder: Path) -> None:
    """Write one page per module, their list as ``index.html``, and a search index.

    Parameters
    ----------
    folder : Path
        The folder to create.
    """
    # Constants without a docstring are left out, because they may contain paths of this machine.
    pdoc.render.configure(
        docformat="numpy",
        include_undocumented=False,
        show_source=False,
        template_directory=TEMPLATES,
    )
    pdoc.render.env.globals["version"] = notmnist.__version__
    for name in notmnist.__all__:
        getattr(notmnist, name)  # pdoc does not see names that are imported on demand
    pdoc.pdoc("notmnist", _INSIDE, output_directory=folder)
