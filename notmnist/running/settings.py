"""The world that a notebook's kernel lives in: the same whatever shell or scheduler started it."""

import os
from collections.abc import Mapping
from pathlib import Path

from notmnist import files

# Quick runs share the cores, one each, so that what a notebook computes is the same bit for bit
# however many run side by side. Full runs take all cores.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}


def kernel_environment(
    settings: Mapping[str, str], *, home: Path, misc: Path, scratch: Path
) -> dict[str, str]:
    """Build the environment variables of a kernel.

    They are those of this process, but for what would change a notebook's course or its output.

    Parameters
    ----------
    settings : mapping of str to str
        What the notebook reads of its settings, as NOTMNIST_DATASET.
    home, misc : Path
        NOTMNIST_HOME and NOTMNIST_MISC. Relative paths begin in the working folder of this process;
        the kernel's is another.
    scratch : Path
        A new folder, for what Keras and IPython would keep in the user's home.

    Returns
    -------
    dict of str to str
    """
    return {
        **os.environ,
        **settings,
        **(_ONE_THREAD if settings["NOTMNIST_BUDGET"] == "quick" else {}),
        "NOTMNIST_HOME": str(home.absolute()),
        "NOTMNIST_MISC": str(misc.absolute()),
        "PYTHONPATH": os.pathsep.join(_import_path()),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "KERAS_BACKEND": "tensorflow",
        # The user's keras.json, and the start-up files of the user's IPython profile.
        "KERAS_HOME": str(scratch.absolute() / "keras"),
        "IPYTHONDIR": str(scratch.absolute() / "ipython"),
    }


def _import_path() -> list[str]:
    """List the folders that the kernel imports from: the checkout, and what PYTHONPATH names."""
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    folders = [Path(entry).absolute() for entry in named]
    root = files.checkout()
    return [str(folder) for folder in ([root, *folders] if root else folders)]
