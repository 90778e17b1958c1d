"""notMNIST, honestly: letters A to J from thousands of fonts, verified and deduplicated.

>>> import notmnist
>>> data = notmnist.load("openglyphs")
>>> data.train.images.shape[1:], data.train.labels.dtype
((28, 28), dtype('uint8'))
"""

from notmnist.dataset import Dataset, Split
from notmnist.errors import NotMNISTError, UsageError
from notmnist.evaluation import Evaluation, evaluate
from notmnist.exports import export
from notmnist.pipeline import load, load_data, prepare, test_sets, verify
from notmnist.prepared.pickling import read_pickle
from notmnist.version import __version__

__all__ = [
    "Dataset",
    "Evaluation",
    "NotMNISTError",
    "Split",
    "UsageError",
    "__version__",
    "evaluate",
    "export",
    "load",
    "load_data",
    "prepare",
    "read_pickle",
    "test_sets",
    "verify",
]
