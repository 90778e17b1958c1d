"""Build the environment of a notebook's kernel, which is the same from any shell or scheduler."""

import os
from collections.abc import Mapping
from pathlib import Path

from notmnist import files

# Quick runs use one core each, so that a notebook computes the same results, bit for bit, however
# many notebooks run at the same time. Full runs use all cores.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
# These would leave out checks, add warnings to what notebooks print, and resume other runs.
_CLEARED = dict.fromkeys(("PYTHONOPTIMIZE", "PYTHONWARNINGS", "NOTMNIST_CHECKPOINTS"), "")


def kernel_environment(
    settings: Mapping[str, str], *, home: Path, misc: Path, scratch: Path
) -> dict[str, str]:
    """Build the environment variables of a kernel.

    They are those of this process, except for variables that would change what a notebook does or
    prints.

    Parameters
    ----------
    settings : mapping of str to str
        The variables that the notebook reads its settings from, such as NOTMNIST_DATASET.
    home, misc : Path
        The values of NOTMNIST_HOME and NOTMNIST_MISC. Relative paths start from the working folder
        of this process, because the kernel has a different one.
    scratch : Path
        A new folder for the files that Keras and IPython would keep in the user's home.

    Returns
    -------
    dict of str to str
        The variables by name.
    """
    return {
        **os.environ,
        **_CLEARED,
        **settings,
        **(_ONE_THREAD if settings["NOTMNIST_BUDGET"] == "quick" else {}),
        "NOTMNIST_HOME": str(home.absolute()),
        "NOTMNIST_MISC": str(misc.absolute()),
        "PYTHONPATH": os.pathsep.join(_import_path()),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "KERAS_BACKEND": "tensorflow",
        # These leave out the user's matplotlibrc, which may ask for TeX or other sizes, keras.json
        # and the start-up files of the IPython profile.
        "MATPLOTLIBRC": os.devnull,
        "KERAS_HOME": str(scratch.absolute() / "keras"),
        "IPYTHONDIR": str(scratch.absolute() / "ipython"),
    }


def _import_path() -> list[str]:
    """List the folders that the kernel imports from: the checkout, and those in PYTHONPATH."""
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    folders = [Path(entry).absolute() for entry in named]
    root = files.checkout()
    return [str(folder) for folder in ([root, *folders] if root else folders)]
