"""The chores: what a machine with nothing but Python sees, and how the environment is made, kept and mended."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import workbench.__main__ as main
from workbench import environment
from workbench.engines import KINDS
from workbench.environment import Trouble

ROOT = Path(__file__).parent.parent
BARE = [sys.executable, "-S", "-m", "workbench"]  # -S: Python as installed, without any package


def bare(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([*BARE, *words], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """An environment in a temporary folder that looks installed."""
    folder = tmp_path / ".venv"
    python = folder / environment.VENV_BIN.name / environment.VENV_PYTHON.name
    python.parent.mkdir(parents=True)
    python.write_text("")
    for name, value in {"VENV": folder, "VENV_PYTHON": python, "STAMP": folder / "workbench-setup.json"}.items():
        monkeypatch.setattr(environment, name, value)
    stamp(fingerprint=environment.fingerprint(), extras=["local", "lab"], root=str(ROOT))
    return folder


def stamp(**facts) -> None:
    environment.STAMP.write_text(json.dumps(facts))


def test_without_packages_the_help_lists_the_chores():
    done = bare()
    assert done.returncode == 0, done.stderr
    assert "usage: python3 -m workbench CHORE" in done.stdout
    assert "  demo   design to charts" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the folder is called Scripts there")
def test_without_packages_a_command_says_what_installs_them():
    done = bare("run", "board.yaml")
    assert done.returncode == 1
    missing, *ways = done.stderr.splitlines()
    assert missing.startswith("workbench: ")
    assert f" is not installed for {sys.executable}." in missing
    assert ways == ["Once: python3 -m workbench setup", "Then: .venv/bin/workbench run board.yaml"]


def test_words_after_a_chore_that_takes_none_are_refused():
    done = bare("chores", "--dry-run")
    assert (done.returncode, done.stderr) == (1, "workbench: `chores` takes no further words: --dry-run\n")


def test_a_current_stamp_means_installed_for_those_extras_only(venv):
    assert environment.installed(["local"])
    assert environment.installed(["local", "lab"])
    assert not environment.installed(["local", "dev"])


@pytest.mark.parametrize(
    "facts",
    [
        {"fingerprint": "of yesterday's pins", "extras": ["local", "lab"]},
        {"unfinished": True},
        {},
    ],
)
def test_another_stamp_means_not_installed(venv, facts):
    stamp(**facts)
    assert not environment.installed(["local"])


def test_a_stamp_that_is_no_json_means_not_installed(venv):
    environment.STAMP.write_text("half a li")
    assert not environment.installed(["local"])


def test_an_environment_whose_python_is_gone_is_not_installed(venv):
    environment.VENV_PYTHON.unlink()
    assert not environment.installed(["local"])


@pytest.mark.parametrize("facts", [{"unfinished": True}, {"root": "/somewhere/else"}, {"extras": ["local"]}])
def test_an_environment_unfinished_moved_or_not_running_is_made_anew(venv, facts, capsys):
    stamp(**facts)
    environment._discard_broken()
    assert not venv.exists()
    assert "making it anew" in capsys.readouterr().out


def test_an_environment_that_runs_is_kept_whoever_made_it(venv, monkeypatch):
    environment.STAMP.unlink()
    monkeypatch.setattr(environment, "VENV_PYTHON", Path(sys.executable))
    environment._discard_broken()
    assert venv.exists()


def test_this_interpreter_is_used_if_it_has_the_packages(monkeypatch):
    monkeypatch.setattr(environment, "requirements", lambda extras: ["pytest>=8", "numpy"])
    monkeypatch.setattr(environment, "_same_place", lambda url: True)
    assert environment.complete(["dev"])
    monkeypatch.setattr(environment, "requirements", lambda extras: ["pytest>=1000"])
    assert not environment.complete(["dev"])
    monkeypatch.setattr(environment, "requirements", lambda extras: ["no-such-distribution"])
    assert not environment.complete(["dev"])


def test_settings_that_lead_out_of_the_environment_are_dropped_and_the_index_is_kept(monkeypatch):
    for name in ("PIP_TARGET", "PIP_REQUIRE_HASHES", "PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example/simple")
    monkeypatch.setenv("PIP_USER", "1")
    clean = environment.clean_environ()
    assert not {"PIP_TARGET", "PIP_REQUIRE_HASHES", "PYTHONPATH", "PYTHONHOME"} & set(clean)
    assert (clean["PIP_INDEX_URL"], clean["PIP_USER"]) == ("https://pypi.example/simple", "0")
    assert clean["PATH"].startswith(str(environment.VENV_BIN))


# The first is what Debian's Python prints without python3-venv; the others are pip's.
@pytest.mark.parametrize(
    "log, advice",
    [
        (
            "The virtual environment was not created successfully because ensurepip is not\navailable.  On",
            "sudo apt install python3-venv",
        ),
        ("ERROR: No matching distribution found for hatchling>=1.27", "PIP_INDEX_URL"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("Segmentation fault", "Run the same command again."),
    ],
)
def test_a_failed_step_shows_the_end_of_its_log_and_what_to_do(log, advice):
    text = environment._failure("installing", 1, log)
    assert text.startswith("installing failed (exit code 1):\n  ")
    assert log.splitlines()[-1] in text
    assert advice in text.splitlines()[-1]


def test_a_step_that_fails_is_trouble_not_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment, "LOG", tmp_path / "build" / "setup.log")
    environment.start_log()
    environment.step("resting", [sys.executable, "-c", "pass"])
    assert capsys.readouterr().out.startswith("  resting: 0.")
    with pytest.raises(Trouble, match=r"^working failed \(exit code 3\):\n  the reason"):
        environment.step("working", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"])


def test_an_environment_that_cannot_be_written_is_trouble(tmp_path, monkeypatch):
    (tmp_path / ".venv").write_text("a file")
    for name, value in {"VENV": tmp_path / ".venv", "STAMP": tmp_path / ".venv" / "stamp"}.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "VENV_PYTHON", tmp_path / ".venv" / "python")
    monkeypatch.setattr(environment, "LOG", tmp_path / "build" / "setup.log")
    with pytest.raises(Trouble, match=r"cannot (make|remove) "):
        environment.environment(["no such extra"], renew=True)


# A checkout without dependencies, so that its first start takes seconds.
STUB = """import os, time, typing
def app(args, prog_name):
    try:
        print("inside", os.environ["WORKBENCH_SETUP_SECONDS"], *args, flush=True)
        time.sleep(60 if "wait" in args else 0)
    finally:
        print("left in order", flush=True)
"""


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / "workbench", tmp_path / "workbench", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "constraints.txt").write_text("")
    (tmp_path / "workbench" / "cli.py").write_text(STUB)
    lines = (ROOT / "pyproject.toml").read_text()
    head = lines.split("dependencies = [")[0]
    extras = "".join(f"{name} = []\n" for name in ("local", "lab", "demo", "dev"))
    wheel = '[tool.hatch.build.targets.wheel]\npackages = ["workbench"]\n'
    (tmp_path / "pyproject.toml").write_text(
        f"{head}dependencies = []\n[project.optional-dependencies]\n{extras}\n{wheel}"
    )
    return tmp_path


def first_start(folder: Path, *words: str) -> subprocess.Popen:
    return subprocess.Popen([*BARE, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_first_start_installs_the_second_does_not_and_a_broken_one_is_mended(checkout):
    out, _ = first_start(checkout, "demo", "a design.yaml").communicate(timeout=100)
    assert "making .venv with Python" in out
    assert float(out.split("inside ")[1].split()[0]) > 0
    assert "demo a design.yaml\n" in out

    began = time.monotonic()
    out, _ = first_start(checkout, "demo").communicate(timeout=100)
    assert out == "inside 0.0 demo\nleft in order\n"
    assert time.monotonic() - began < 5

    (checkout / ".venv" / "workbench-setup.json").write_text('{"unfinished": true}')
    out, _ = first_start(checkout, "demo").communicate(timeout=100)
    assert "making it anew" in out
    assert out.endswith("left in order\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
def test_an_interrupted_installation_ends_quietly_and_termination_unwinds(checkout):
    process = first_start(checkout, "demo", "wait")
    while not (checkout / ".venv" / "workbench-setup.json").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out

    process = first_start(checkout, "demo", "wait")
    assert process.stdout is not None
    with process.stdout as out:
        said = []
        while not said or not (said[-1].startswith("inside") or said[-1] == ""):
            said.append(out.readline())
        assert said[-1], f"it ended: {said}"
        process.terminate()
        assert out.read().endswith("left in order\n")
    assert process.wait(30) == 128 + signal.SIGTERM


def test_lab_knows_the_engines_that_there_are():
    assert ("auto", *KINDS, "aws") == main.ENGINES


@pytest.mark.parametrize("words", [["--engine", "java"], ["--engine=java"]])
def test_lab_hands_the_engine_on_however_it_is_written(words, monkeypatch):
    started: list[tuple[list[str], str]] = []
    monkeypatch.setattr(main, "become", lambda command, environ: started.append((command, environ["WORKBENCH_ENGINE"])))
    monkeypatch.setenv("WORKBENCH_ENGINE", "auto")
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    main.lab([*words, "--no-browser"])
    assert started[0][0][-2:] == [main.QUICKSTART, "--no-browser"] and started[0][1] == "java"


def test_an_engine_that_is_unknown_is_refused_before_lab_starts(monkeypatch, capsys):
    monkeypatch.setattr(main, "become", None)
    assert main.lab(["--engine", "dokcer"]) == 2
    assert capsys.readouterr().err == (
        "engine 'dokcer' is unknown; there are auto, docker, java, dynoxide, embedded, aws, or a URL\n"
    )
