"""The house stays one: which part of the package may import which, read from the syntax trees."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import notmnist
from conftest import CHECKOUT

PACKAGE = Path(notmnist.__file__).parent
# From the ground up: a part imports from its own floor and from those below. Imports inside
# functions and for type checkers count too.
FLOORS = [
    {"errors", "files", "original", "schemas", "sources", "splits", "version"},
    {"archives", "deduplication", "exports", "fitting", "prediction", "scoring"},
    {"dataset", "prepared"},
    {"glyphs", "pipeline"},
    {"augmentation", "elsewhere", "plotting", "results", "training"},
    {"evaluation", "running"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {part: number for number, parts in enumerate(FLOORS) for part in parts}
WINGS = {
    "archives", "deduplication", "exports", "fitting",
    "prediction", "prepared", "running", "scoring",
}  # fmt: skip
MODULES = {
    ".".join(("notmnist", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(path):
    """Yield the modules of this package that a module imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def part_of(module):
    """Name the part of the house that a module belongs to: itself, or its wing."""
    return [*module.split("."), "__init__"][1]


ARROWS = [(module, target) for module, path in MODULES.items() for target in imported(path)]


def test_every_part_has_its_floor():
    assert {part_of(module) for module in MODULES} == FLOOR_OF.keys()


def test_arrows_point_down():
    up = [
        (module, target)
        for module, target in ARROWS
        if FLOOR_OF[part_of(target)] > FLOOR_OF[part_of(module)]
    ]
    assert up == []


def test_wings_leave_one_another_alone():
    across = {
        (part_of(module), part_of(target))
        for module, target in ARROWS
        if {part_of(module), part_of(target)} <= WINGS and part_of(module) != part_of(target)
    }
    assert {module for module, _ in across} <= {"prepared"}


def test_there_is_no_circle():
    graph = {module: {target for m, target in ARROWS if m == module} for module in MODULES}
    # A wing's face imports its rooms, which Python runs first; that is no dependency of a room.
    TopologicalSorter(graph).prepare()


def test_contributors_see_every_folder_in_the_drawing_of_the_house():
    page = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = page.partition("## The house")[2].split("```")[1].partition("tools/")[0]
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert set(re.findall(r"(\w+)/", drawing)) == folders


def test_nothing_imports_the_tools():
    for path in MODULES.values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name for name in names if name and name.split(".")[0] == "tools"}, path


@pytest.mark.parametrize(
    ("folder", "most"),
    [(PACKAGE, 18)] + [(PACKAGE / wing, 11) for wing in sorted(WINGS)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_folder_can_be_seen_at_a_glance(folder, most):
    assert len(list(folder.glob("*.py"))) <= most
