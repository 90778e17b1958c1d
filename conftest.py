"""Give every test and every notebook an empty cache and an output folder of its own."""

import os
import tempfile
from pathlib import Path

# Windows can't remove a file that is still memory-mapped.
_EMPTY = tempfile.TemporaryDirectory(prefix="notmnist-", ignore_cleanup_errors=True)

# Set when pytest starts, so that the kernels that nbval launches inherit them too.
os.environ["NOTMNIST_HOME"] = str(Path(_EMPTY.name) / "data")
os.environ["NOTMNIST_MISC"] = str(Path(_EMPTY.name) / "misc")
# A notebook's outputs are compared, and nobody watches its progress.
os.environ["NOTMNIST_PROGRESS"] = "0"
# mlcroissant keeps what it extracts by the archive's path, whatever the archive holds by now.
os.environ["CROISSANT_CACHE"] = str(Path(_EMPTY.name) / "croissant")
# So does datasets, which would also ask its hub.
os.environ["HF_HOME"] = str(Path(_EMPTY.name) / "huggingface")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["KERAS_BACKEND"] = "tensorflow"
# Set in many a shell and container; figures would be missing from the notebooks.
for variable in ("MPLBACKEND", "NOTMNIST_DATASET", "NOTMNIST_BUDGET", "NOTMNIST_SEEDS"):
    os.environ.pop(variable, None)


def pytest_unconfigure() -> None:
    """Remove what the tests and notebooks left."""
    _EMPTY.cleanup()
