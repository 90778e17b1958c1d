"""Parquet with images as PNG bytes and the features that Hugging Face's ``datasets`` looks for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notmnist.exports.png import encode
from notmnist.exports.rows import Rows, Selection
from notmnist.sources import LETTERS

_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"_type": "ClassLabel", "names": list(LETTERS)},
    "font": {"_type": "Value", "dtype": "string"},
}


def write(name: str, splits: Mapping[str, Selection], folder: Path) -> None:
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
    for split, rows in splits.items():
        # Only labels and fonts repeat.
        with pq.ParquetWriter(
            folder / f"{split}.parquet", schema, use_dictionary=["label", "font"]
        ) as writer:
            for piece in rows.pieces():
                writer.write_table(pa.table(_columns(piece), schema))


def _columns(piece: Rows) -> dict[str, Any]:
    return {
        "image": [{"bytes": encode(image), "path": None} for image in piece.images],
        "label": piece.labels,
        "font": piece.fonts,
    }
