"""Parquet with images as PNG bytes and the features that Hugging Face's ``datasets`` looks for."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from notmnist.exports.protocols import Rows, Splits
from notmnist.sources import LETTERS, SPLITS

_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"_type": "ClassLabel", "names": list(LETTERS)},
    "font": {"_type": "Value", "dtype": "string"},
}


def write(data: Splits, folder: Path) -> None:
    """Write ``{train,valid,test}.parquet``: columns image (PNG bytes), label, font.

    ``datasets.load_dataset("parquet", data_files=...)`` gives PIL images and named labels, and
    ``load_dataset(folder)`` finds the splits by the files' names.
    """
    import pyarrow as pa  # an extra
    import pyarrow.parquet as pq

    schema = pa.schema(
        {
            "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            "label": pa.int64(),
            "font": pa.string(),
        },
        metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
    )
    for name in SPLITS:
        # Only labels and fonts repeat.
        with pq.ParquetWriter(
            folder / f"{name}.parquet", schema, use_dictionary=["label", "font"]
        ) as writer:
            for piece in getattr(data, name).pieces():
                writer.write_table(pa.table(_columns(piece), schema))


def _columns(piece: Rows) -> dict[str, Any]:
    return {
        "image": [{"bytes": _png(image), "path": None} for image in piece.images],
        "label": piece.labels,
        "font": piece.fonts,
    }


def _png(image: np.ndarray) -> bytes:
    from PIL import Image  # `import notmnist` stays light

    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
