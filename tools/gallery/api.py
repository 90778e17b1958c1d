"""The docstrings of the package's public modules as HTML, by pdoc."""

from pathlib import Path

import pdoc

import notmnist
from notmnist import training  # noqa: F401  (pdoc's own import of TensorFlow is not as silent)
from tools.gallery.pages import TEMPLATES

# How the package works inside; what one imports from these stands on their own pages.
_INSIDE = r"!notmnist\.(\w+\.\w+|archives|prepared|running|__main__)"


def write(folder: Path) -> None:
    """Write one page per module, their list as ``index.html``, and a search index.

    Parameters
    ----------
    folder : Path
        The folder, which is created.
    """
    # Constants without a docstring stay out: they may hold paths of this machine.
    pdoc.render.configure(
        docformat="numpy",
        include_undocumented=False,
        show_source=False,
        template_directory=TEMPLATES,
    )
    pdoc.render.env.globals["version"] = notmnist.__version__
    for name in notmnist.__all__:
        getattr(notmnist, name)  # pdoc does not see what is imported on demand
    pdoc.pdoc("notmnist", _INSIDE, output_directory=folder)
