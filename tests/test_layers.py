"""A module imports only from modules above it in this list: the model, then the work, then the views."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench

FOLDER = Path(workbench.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
MODEL = (
    "errors defaults results quantities limits thresholds findings keys syntax slips expressions key_conditions "
    "distributions "
    "typewords domains documents notation schema design identity references table_problems shape_problems constraints "
    "serving restrictions aggregates access designfile amendments"
)
WORK = (
    "numbers sizes lifetimes explain entries capacity columns text_columns fields rows entities origins items "
    "descriptors targets placeholders picks members requests wire ring arrivals bindings motions reach updates "
    "changes load metered readings bundles outcomes expected ceilings concentration spreads partitions profile "
    "throughput bounds keymeasures keyanalysis keyreport histories interrupts draws shapes workload placement "
    "splitting clients flows backpressure recording conditions lanes summaries simulation diagnosis sortkeys sweeps "
    "sharding whatif folders processes connections endpoints engine starting daemon emulators installing java "
    "containers residents amazon engines errata attempts tables inventory loading metering records expectations "
    "sampling trials announcements runs prices usage scaling spending spikes costs authorization tenancy ownership "
    "grants proofs policies policytexts guards evidence heat waste sources rules reviews policyreview comparison "
    "migration judges standings exercises focus adjustments outlook"
)
VIEWS = (
    "pictures capacity_chart spread_charts heat_chart simulation_charts cost_charts scoreboard_chart proof_chart "
    "charts frames outlook_charts reports parameters headless regression baselines matrices workers trends "
    "gate_reports gate_results gates pytest_plugin environment terminal finding_reports arguments snippets briefs "
    "pattern_table collection_view reviewing knobs panel exploring design_commands production_commands "
    "notebook_commands engine_commands workshop workshop_commands cli __main__"
)
MODULES = [*MODEL.split(), *WORK.split(), *VIEWS.split()]


def test_every_module_has_its_place_in_the_list():
    packages = [path.parent.name for path in FOLDER.glob("*/__init__.py")]
    assert sorted(MODULES) == sorted([*packages, *(p.stem for p in FOLDER.glob("*.py") if p.stem != "__init__")])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_modules_above_it(module):
    above = MODULES[: MODULES.index(module)]
    files = sorted((FOLDER / module).glob("*.py")) or [FOLDER / f"{module}.py"]
    own = {module} if (FOLDER / module).is_dir() else set()  # a package's files import each other
    names = [name for file in files for name in imported(ast.parse(file.read_text("utf-8")))]
    assert [name for name in names if name not in {*above, *own}] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_module_has_at_most_400_lines_or_says_why_it_has_more(file):
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 400 or "however long" in (ast.get_docstring(ast.parse(text)) or "")


def test_functions_are_short():
    trees = [ast.parse(file.read_text("utf-8")) for file in FILES]
    nodes = (node for tree in trees for node in ast.walk(tree))
    lines = sorted(body_lines(node) for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert len(lines) > 1000
    assert lines[len(lines) // 2] <= 6
    assert lines[len(lines) * 9 // 10] <= 25
    assert lines[-1] <= 60


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its head and its docstring."""
    body = function.body[ast.get_docstring(function) is not None :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


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
