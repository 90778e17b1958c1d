"""notMNIST, honestly: letters A to J from thousands of fonts, verified and deduplicated.

>>> import notmnist
>>> data = notmnist.load("openglyphs")
>>> data.train.images.shape[1:], data.train.labels.dtype
((28, 28), dtype('uint8'))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from notmnist.errors import NotMNISTError, UsageError
from notmnist.version import __version__

if TYPE_CHECKING:
    from notmnist.dataset import Dataset as Dataset
    from notmnist.dataset import Split as Split
    from notmnist.evaluation import Evaluation as Evaluation
    from notmnist.evaluation import evaluate as evaluate
    from notmnist.exports import export as export
    from notmnist.glyphs import lowercase_glyphs as lowercase_glyphs
    from notmnist.glyphs import unknown_glyphs as unknown_glyphs
    from notmnist.pipeline import load as load
    from notmnist.pipeline import load_data as load_data
    from notmnist.pipeline import prepare as prepare
    from notmnist.pipeline import test_sets as test_sets
    from notmnist.pipeline import verify as verify
    from notmnist.prediction import load_model as load_model
    from notmnist.prediction import predict as predict
    from notmnist.prepared.pickling import read_pickle as read_pickle

_MODULES = {
    "Dataset": "dataset",
    "Split": "dataset",
    "Evaluation": "evaluation",
    "evaluate": "evaluation",
    "export": "exports",
    "lowercase_glyphs": "glyphs",
    "unknown_glyphs": "glyphs",
    "load": "pipeline",
    "load_data": "pipeline",
    "prepare": "pipeline",
    "test_sets": "pipeline",
    "verify": "pipeline",
    "load_model": "prediction",
    "predict": "prediction",
    "read_pickle": "prepared.pickling",
}
__all__ = ["NotMNISTError", "UsageError", "__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Thus, a command can react to Ctrl-C while NumPy is still being imported.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    """List the names that are imported on demand, too."""
    return [*globals(), *_MODULES]
