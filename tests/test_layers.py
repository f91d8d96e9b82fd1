"""A module imports only from modules above it in this list: the model, then the work, then the views."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench

FOLDER = Path(workbench.__file__).parent
MODEL = (
    "errors results limits keys expressions key_conditions distributions typewords domains documents notation design "
    "identity references constraints serving access designfile"
)
WORK = (
    "sizes explain entries capacity columns fields rows entities items targets requests ring arrivals bindings motions "
    "reach updates changes load readings bundles outcomes expected ceilings concentration spreads partitions keyreport "
    "profile histories draws shapes throughput simulation engines "
    "prices scaling spending spikes costs authorization tenancy grants proofs policies "
    "tables loading metering sampling runs"
)
VIEWS = "pictures capacity_chart spread_charts charts reports regression environment cli __main__"
MODULES = [*MODEL.split(), *WORK.split(), *VIEWS.split()]


def test_every_module_has_its_place_in_the_list():
    assert sorted(MODULES) == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_modules_above_it(module):
    above = MODULES[: MODULES.index(module)]
    assert [
        name for name in imported(ast.parse((FOLDER / f"{module}.py").read_text("utf-8"))) if name not in above
    ] == []


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of the package that are imported, also inside functions, unless only for type checking."""
    if isinstance(node, ast.ImportFrom) and node.module == "workbench":
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom | ast.Import):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("workbench."))
    elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from imported(child)
