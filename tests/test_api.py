"""The public names: a list that is visible to people and tools, and that costs nothing to import."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import workbench as wb
from workbench.cli import app

NOTEBOOKS = Path(wb.__file__).parents[1] / "notebooks"
HEAVY = {"boto3", "botocore", "ipywidgets", "lark", "matplotlib", "numpy", "pandas", "papermill", "pydantic", "ruamel"}


def loaded_by(*command: str) -> set[str]:
    """The packages that a fresh process has loaded at its end."""
    done = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_the_public_names_are_those_that_can_be_loaded():
    assert sorted(wb.__all__) == sorted([*wb._MODULES, *wb._NAMES])
    assert len(set(wb.__all__)) == len(wb.__all__)


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse(Path(wb.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {(alias.name, part.module) for part in block.body for alias in part.names}
    ours = {(name, f"workbench.{module}") for name, module in wb._NAMES.items()}
    assert seen == ours | {(module, "workbench") for module in wb._MODULES}


def test_dir_shows_every_public_name_before_any_is_used():
    program = "import workbench; print(*dir(workbench))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(wb.__all__) <= set(shown)
    assert set(wb.__all__) <= set(dir(wb))


@pytest.mark.parametrize("name", wb.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name):
    assert inspect.getdoc(getattr(wb, name))


def test_the_package_lists_every_public_name_in_a_line():
    assert sorted(re.findall(r"^    (\w+)  +\S", wb.__doc__ or "", re.MULTILINE)) == sorted(wb.__all__)


def test_each_command_of_another_name_than_its_function_stands_beside_it():
    named = dict(re.findall(r"^    (\w+)  .*\(`workbench (\w+)`\)$", wb.__doc__ or "", re.MULTILINE))
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    alone = {"check", "schema", "new", "demo", "engine", "workshop"}
    functions = {name for name in wb.__all__ if inspect.isfunction(getattr(wb, name))}
    assert commands - functions - alone == set(named.values())
    assert set(named) <= functions


def test_every_public_name_is_shown_in_a_notebook_or_in_an_example():
    """A result is shown where a function that gives it is, an error where one that raises it is and says so."""
    used = used_in_notebooks()
    shown = {name for name in wb.__all__ if name in used or ">>>" in examples(getattr(wb, name))}
    while more := {name for name in wb.__all__ if name in named_by(shown)} - shown:
        shown |= more
    assert sorted(set(wb.__all__) - shown) == []


def used_in_notebooks() -> set[str]:
    """The names that code in the shipped notebooks takes from `wb`."""
    cells = [cell for file in NOTEBOOKS.rglob("*.ipynb") for cell in json.loads(file.read_text("utf-8"))["cells"]]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return set(re.findall(r"\bwb\.(\w+)", code))


def examples(thing: object) -> str:
    """Where a public name has its doctests: of a module, anywhere in it."""
    return inspect.getsource(thing) if inspect.ismodule(thing) else inspect.getdoc(thing) or ""


def named_by(shown: set[str]) -> set[str]:
    """The types that functions, and methods of types, say they return, and the errors that they say they raise."""
    things = [getattr(wb, name) for name in shown]
    members = [member for thing in things if inspect.isclass(thing) for member in vars(thing).values()]
    functions = [thing for thing in [*things, *members] if inspect.isfunction(thing)]
    returned = " ".join(str(inspect.signature(function).return_annotation) for function in functions)
    told = re.findall(r"\w+Error\b", " ".join(examples(thing) for thing in [*things, *members] if callable(thing)))
    bases = {base.__name__ for name in {*told} & {*wb.__all__} for base in getattr(wb, name).__mro__}
    return {*re.findall(r"\w+", returned), *told, *bases}


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'load_desing'; there are .*load_design"):
        wb.load_desing  # noqa: B018


def test_star_import_gives_the_public_names():
    scope: dict[str, object] = {}
    exec("from workbench import *", scope)
    assert set(wb.__all__) <= set(scope)


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("-c", "import workbench") & HEAVY == set()


def test_help_loads_neither_pandas_nor_matplotlib():
    loaded = loaded_by("-m", "workbench", "--help")
    assert "typer" in loaded  # it is the help of the commands that was shown
    assert loaded & {"pandas", "matplotlib", "numpy", "boto3"} == set()


def test_checking_a_design_loads_neither_pandas_nor_an_engine(designs):
    loaded = loaded_by("-m", "workbench", "check", str(designs / "task_board.yaml"))
    assert "pydantic" in loaded
    assert loaded & {"pandas", "matplotlib", "boto3", "ministack"} == set()


BOARD = str(NOTEBOOKS / "designs" / "task_board.yaml")
TAKE_A_DESIGN = {
    "access_pattern_table": (),
    "brief": (),
    "compare": (BOARD,),
    "diff": (BOARD,),
    "estimate_cost": (),
    "expected_units": (),
    "generate_items": (),
    "iam_policy": (),
    "item_collections": (),
    "item_spread": ("Orders",),
    "key_report": (),
    "prove_policy": ({},),
    "request_spread": ("Orders",),
    "review": (),
    "simulate": (),
    "sweep": (),
}


@pytest.mark.parametrize("name", TAKE_A_DESIGN)
def test_who_gives_a_path_where_a_design_is_needed_is_told_how_to_load_it(name):
    with pytest.raises(
        ValueError, match=r"task_board.yaml' is no design: give wb.load_design\(\".*task_board.yaml\"\)"
    ):
        getattr(wb, name)(BOARD, *TAKE_A_DESIGN[name])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: wb.generate_items(wb.load_design(BOARD), seed="x"), "seed='x' must be a whole number"),
        (lambda: wb.load_design(5), "5 is no path of a design file"),
        (lambda: wb.run_patterns(wb.load_design(BOARD), "embedded"), 'give wb.start_engine("embedded")'),
        (lambda: wb.charts.capacity(wb.load_design(BOARD)), "is no Run: give wb.run_patterns"),
        (lambda: wb.charts.heat(wb.load_design(BOARD)), "is no Simulation: give wb.simulate"),
        (lambda: wb.charts.throttling(wb.load_design(BOARD)), "is no Simulation: give wb.simulate"),
        (lambda: wb.charts.cost(wb.load_design(BOARD)), "is no Cost: give wb.estimate_cost"),
        (lambda: wb.charts.item_spread(wb.load_design(BOARD)), "is no ItemSpread: give wb.item_spread"),
        (lambda: wb.charts.request_spread(wb.load_design(BOARD)), "is no RequestSpread: give wb.request_spread"),
    ],
)
def test_who_gives_something_else_than_is_needed_is_told_what_makes_it(call, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        call()
