"""Cases and parameters: which notebooks run with what, and every mistake in a matrix with its line."""

from pathlib import Path

import pytest

from workbench.baselines import Tolerance
from workbench.errors import DesignError, NotebookError
from workbench.matrices import Case, find_suite
from workbench.parameters import Parameter, misfit, stated_parameters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("capacity", "ttl"):
        (tmp_path / f"{name}.ipynb").write_text("{}")
    return tmp_path


def names(folder: Path, matrix: str, **options) -> list[str]:
    (folder / "matrix.yaml").write_text(matrix)
    return [str(case) for case in find_suite([folder], **options).cases]


def test_without_a_matrix_each_notebook_runs_once_as_it_is(folder):
    suite = find_suite([folder])
    assert [str(case) for case in suite.cases] == ["capacity", "ttl"]
    assert suite.baselines == folder / "baselines" and suite.tolerances == {}
    assert suite.baseline(suite.cases[0]) == folder / "baselines" / "capacity.json"


def test_lists_are_multiplied_and_sets_stand_beside_each_other(folder):
    matrix = "notebooks:\n  capacity:\n  - {file: [a/x.yaml, y.yaml], seed: [7, 8]}\n  - {limit: 1.5}\n"
    assert names(folder, matrix) == [
        "capacity[file=x.yaml, seed=7]",
        "capacity[file=x.yaml, seed=8]",
        "capacity[file=y.yaml, seed=7]",
        "capacity[file=y.yaml, seed=8]",
        "capacity[limit=1.5]",
        "ttl",
    ]


def test_a_list_in_a_list_is_one_value_and_numbers_are_pythons(folder):
    (folder / "matrix.yaml").write_text("notebooks: {capacity: {keys: [[a, b]], rate: 0.5, on: true}}")
    parameters = find_suite([folder]).cases[0].parameters
    assert parameters == {"keys": ["a", "b"], "rate": 0.5, "on": True} and type(parameters["rate"]) is float


def test_tolerances_are_read_in_order(folder):
    (folder / "matrix.yaml").write_text("tolerances: {'*_ms': ignored, x: {relative: 0.02, absolute: 1}}")
    assert dict(find_suite([folder]).tolerances) == {"*_ms": Tolerance(ignored=True), "x": Tolerance(0.02, 1)}


@pytest.mark.parametrize(
    "matrix, line, message",
    [
        ("notebooks: {capcity: {}}", 1, "there is no notebook capcity.ipynb; did you mean 'capacity'?"),
        ("notebooks: {ttl: []}", 1, "ttl would not run: an empty list stands for no value at all"),
        ("notebooks: {ttl: {seed: []}}", 1, "ttl would not run: an empty list stands for no value at all"),
        ("notebook: {}", 1, "'notebook' is unknown; a matrix has two parts: tolerances and notebooks"),
        ("- capacity", 1, "a matrix has two parts"),
        (
            "tolerances:\n  a: 5",
            2,
            "5 is no tolerance: it is `ignored`, or {relative: 0.02} or {absolute: 0.5} or both",
        ),
        ("tolerances:\n  a: {relative: -1}", 2, "-1 is no tolerance: it is a number from 0 on; 0.02 is 2 %"),
        ("tolerances:\n  a: {relativ: 1}", 2, "is no tolerance"),
        ("notebooks:\n  capacity: 7", 2, "parameters are a mapping, or a list of mappings"),
        ("notebooks:\n  ttl: {file: [a/x.yaml, b/x.yaml]}", 2, "two cases are called file=x.yaml"),
        ("notebooks:\n  ttl: {a: 1\n", 2, ""),
    ],
)
def test_a_mistake_in_a_matrix_is_named_with_its_line(folder, matrix, line, message):
    with pytest.raises(DesignError) as error:
        names(folder, matrix)
    assert message in str(error.value)
    assert error.value.where == str(folder / "matrix.yaml") and error.value.line >= line


def test_one_notebook_may_be_run_with_the_whole_folders_matrix(folder):
    (folder / "matrix.yaml").write_text("notebooks: {capacity: {seed: [1, 2]}, ttl: {seed: 3}}")
    suite = find_suite([folder / "ttl.ipynb"])
    assert [str(case) for case in suite.cases] == ["ttl[seed=3]"] and not suite.whole


@pytest.mark.parametrize(
    "place, message", [("nowhere", "neither a notebook nor a folder"), ("", "there is no notebook")]
)
def test_a_place_without_notebooks_is_named(tmp_path, place, message):
    with pytest.raises(NotebookError, match=message):
        find_suite([tmp_path / place])


def test_notebooks_of_one_name_would_share_a_baseline(folder):
    (folder / "more").mkdir()
    (folder / "more" / "ttl.ipynb").write_text("{}")
    with pytest.raises(NotebookError, match="two notebooks are called ttl"):
        find_suite([folder, folder / "more"])


def test_a_notebook_that_is_named_twice_runs_once(folder):
    assert len(find_suite([folder, folder / "ttl.ipynb"]).cases) == 2


def test_a_matrix_that_is_not_there_is_named(folder):
    with pytest.raises(NotebookError, match=r"nowhere\.yaml cannot be read: No such file"):
        find_suite([folder], matrix=folder / "nowhere.yaml")


def test_a_case_is_told_by_notebook_and_parameters():
    assert str(Case(Path("a.ipynb"))) == "a" and Case(Path("a.ipynb")).name == "defaults"
    assert Case(Path("a.ipynb"), {"on": True, "f": "x/y.yaml"}).key == ("a", "on=True, f=y.yaml")


def test_parameters_have_type_default_and_help_as_the_cell_states_them():
    code = (
        "seed: int = 7  # fixes every draw\nfile: str = 'a#b'  # größe # x\nfree = [1]\nmade: float = 1 / 3\nimport os"
    )
    assert stated_parameters(code) == [
        Parameter("seed", "int", 7, "fixes every draw"),
        Parameter("file", "str", "a#b", "größe # x"),
        Parameter("free", "", [1], ""),
        Parameter("made", "float", "1 / 3", ""),
    ]


@pytest.mark.parametrize(
    "type_, fits, misfits",
    [
        ("int", [7, -1], ["7", 7.5, True, None]),
        ("float", [7, 7.5], ["7", False]),
        ("str", [""], [7, None]),
        ("bool", [True], [1, "yes"]),
        ("", [7, "x", None], []),
        ("Path", [7], []),
    ],
)
def test_a_value_must_be_of_the_stated_type(type_, fits, misfits):
    parameter = Parameter("p", type_, None, "")
    assert not any(misfit(parameter, value) for value in fits)
    assert all(misfit(parameter, value) for value in misfits)
