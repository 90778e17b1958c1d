import base64
import collections
import json

import mlcroissant
import pytest

from notmnist import files, sources

ARCHIVES = (
    sources.OPENGLYPHS_LARGE,
    sources.OPENGLYPHS_SMALL,
    sources.OPENGLYPHS_UNKNOWN,
    sources.OPENGLYPHS_LOWERCASE,
)
FOLDER = sources.OPENGLYPHS_LARGE.path.parent
# mlcroissant calls what rdflib is about to drop, and leaves the files that it reads open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]


@pytest.fixture(scope="module")
def croissant():
    dataset = mlcroissant.Dataset(FOLDER / "croissant.json")
    assert not dataset.metadata.issues.errors
    assert not dataset.metadata.issues.warnings
    return dataset


def test_it_states_the_hashes_and_sizes_of_the_committed_files():
    described = json.loads((FOLDER / "croissant.json").read_text(encoding="utf-8"))
    stated = {
        node["name"]: (node["contentSize"], node["sha256"])
        for node in described["distribution"]
        if node["@type"] == "cr:FileObject"
    }
    paths = [archive.path for archive in ARCHIVES] + [FOLDER / "provenance.csv"]
    assert stated == {path.name: (f"{path.stat().st_size} B", files.sha256(path)) for path in paths}


def test_it_states_the_version(croissant):
    assert str(croissant.metadata.version) == f"{sources.find('openglyphs').version}.0"


def test_its_records_are_the_test_archives_glyphs(croissant):
    records = list(croissant.records("openglyphs_small"))
    letters = collections.Counter(record["openglyphs_small/label"].decode() for record in records)
    assert letters == sources.OPENGLYPHS_SMALL.counts
    assert records[0]["openglyphs_small/image"].size == (28, 28)
    assert b"--" in base64.b64decode(records[0]["openglyphs_small/font"])


def test_its_fonts_are_the_provenance_tables(croissant):
    rows = list(croissant.records("fonts"))
    lines = (FOLDER / "provenance.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(lines) - 1
    assert {row["fonts/split"] for row in rows} == {b"train", b"valid", b"test"}
