"""`workbench` and `python -m workbench`: the chores of a checkout, and the way to the commands.

A chore (`demo`, `test`, `lab`, ...) needs nothing but Python 3.11 or later: it makes `.venv`, installs what it needs
in the versions of `constraints.txt`, and runs itself again inside. An environment that already holds the packages
(conda from `environment.yml`, an activated one) is used as it is. `make` is a thin layer over these chores. Everything
that is no chore goes to the commands in `workbench.cli`.

Only the standard library is imported here, and old Pythons must be able to read the file far enough to be refused.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout is run by whatever `python3` is
    sys.exit(
        f"workbench needs Python 3.11 or later; this is {sys.version_info[0]}.{sys.version_info[1]} "
        f"({sys.executable}).\nName a later one: make demo PYTHON=python3.11, or python3.11 -m workbench demo"
    )

from workbench.environment import (
    CONSTRAINTS,
    ROOT,
    VENV,
    VENV_BIN,
    VENV_PYTHON,
    Trouble,
    activation,
    clean_environ,
    environment,
    remove,
    start_log,
    step,
)


class Chore(NamedTuple):
    """What it is for, the extras it needs, how it runs (for an exit code), and whether words may follow its name."""

    about: str
    extras: tuple[str, ...]
    run: Callable[[list[str]], int]
    takes_words: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a chore or a command and exit with its code: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _leave_in_order()
    try:
        sys.exit(run_chore(words[0], words[1:]) if words and is_chore(words[0]) else run_command(words))
    except Trouble as trouble:
        sys.exit(f"workbench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)


def is_chore(name: str) -> bool:
    """Whether the word names a chore; chores exist in a checkout only."""
    return name in CHORES and (ROOT / "pyproject.toml").is_file()


def _leave_in_order() -> None:
    """Termination unwinds like Ctrl-C does, so that every `with` block stops what it started."""
    for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")):
        if number and signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def run_command(words: list[str]) -> int:
    """Hand the words to the commands of `workbench.cli`."""
    try:
        from workbench.cli import app
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("workbench"):
            raise
        if not words or words[0] in ("-h", "--help", "help"):
            return show_chores(words)
        raise Trouble(_not_installed(missing.name or "a package", words)) from None
    app(args=words, prog_name="workbench")
    return 0


def _not_installed(package: str, words: list[str]) -> str:
    here = f"{package} is not installed for {sys.executable}."
    if not (ROOT / "pyproject.toml").is_file():
        return f'{here} Run: {sys.executable} -m pip install "dynamodb-workbench[local,lab]"'
    inside = VENV_BIN.relative_to(ROOT) / "workbench"
    return f"{here}\nOnce: python3 -m workbench setup\nThen: {inside} {' '.join(words)}"


def chores_help() -> str:
    """The chores, one a line."""
    return "usage: python3 -m workbench CHORE\n\n" + "\n".join(f"  {n:<6} {c.about}" for n, c in CHORES.items())


def show_chores(words: list[str]) -> int:
    """Print what can be done in a checkout."""
    print(chores_help())
    return 0


# Chores ---------------------------------------------------------------------------------------------------------------


def run_chore(name: str, words: list[str]) -> int:
    """Run a chore where its packages are: here, or in `.venv` after whatever is missing has been installed."""
    chore = CHORES[name]
    if words and not chore.takes_words:
        raise Trouble(f"`{name}` takes no further words: {' '.join(words)}")
    python, seconds = environment(chore.extras)
    if python == Path(sys.executable):
        os.environ.setdefault("WORKBENCH_SETUP_SECONDS", f"{seconds:.1f}")
        return chore.run(words)
    command = [str(python), "-m", "workbench", name, *words]
    return become(command, {**clean_environ(), "WORKBENCH_SETUP_SECONDS": f"{seconds:.1f}"})


def become(command: list[str], environ: dict[str, str]) -> int:
    """Go on as another process, so that Ctrl-C and termination reach it and nobody else; Windows can only wait."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environ)
    with subprocess.Popen(command, env=environ) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the console has sent it to the process too


def demo(words: list[str]) -> int:
    """The command `workbench demo`, which a checkout can run before anything is installed."""
    return run_command(["demo", *words])


def module(*command: str) -> Callable[[list[str]], int]:
    """A chore that is one `python -m` command, run in the checkout; further words are passed on."""

    def run(words: list[str]) -> int:
        os.chdir(ROOT)
        return become([sys.executable, "-m", *command, *words], dict(os.environ))

    return run


def lab(words: list[str]) -> int:
    """JupyterLab on the quickstart; `--engine KIND` is what `wb.start_engine()` takes in it."""
    engine, words = _engine_of(words)
    if engine:
        if "://" not in engine and engine not in ENGINES:
            print(f"engine {engine!r} is unknown; there are {', '.join(ENGINES)}, or a URL", file=sys.stderr)
            return 2
        os.environ["WORKBENCH_ENGINE"] = engine
    settings = Path(sys.prefix, "etc", "jupyter", "labconfig", "page_config.json")
    if sys.prefix == str(VENV) and not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    return module("jupyterlab", *AS_ROOT, QUICKSTART)(words)


def _engine_of(words: list[str]) -> tuple[str, list[str]]:
    """The engine that is asked for in front, as `--engine KIND` or `--engine=KIND`, and the other words."""
    if words[:1] == ["--engine"] and len(words) > 1:
        return words[1], words[2:]
    if words and words[0].startswith("--engine="):
        return words[0].partition("=")[2], words[1:]
    return "", words


def modules(*commands: tuple[str, ...]) -> Callable[[list[str]], int]:
    """A chore of several `python -m` commands: all of them run, and the worst exit code counts."""

    def run(words: list[str]) -> int:
        return max(_run_module(command) for command in commands)

    return run


def _run_module(command: tuple[str, ...]) -> int:
    words = [word for pattern in command for word in _files(pattern)]
    print("==", *command, flush=True)
    if "*" in command[-1] and len(words) < len(command):
        return 0
    code = subprocess.call([sys.executable, "-m", *words], cwd=ROOT)
    print(f"   {'ok' if code == 0 else f'failed with exit code {code}'}", flush=True)
    return code


def _files(word: str) -> list[str]:
    if "*" not in word:
        return [word]
    return sorted(str(path) for path in ROOT.glob(word) if ".ipynb_checkpoints" not in path.parts)


def lock(words: list[str]) -> int:
    """Write the newest versions that the extras allow, together and on Python 3.11.0, to `constraints.txt`."""
    if sys.version_info[:2] != (3, 11):
        raise Trouble("make lock needs Python 3.11, the oldest one supported: make lock PYTHON=python3.11")
    with tempfile.TemporaryDirectory() as folder:
        report, python = Path(folder, "report.json"), Path(folder, VENV_BIN.name, VENV_PYTHON.name)
        start_log()
        step("making a new environment", [sys.executable, "-m", "venv", folder])
        pip = [str(python), "-m", "pip", "install", "--dry-run", "--disable-pip-version-check", "--ignore-installed"]
        command = [*pip, "--report", str(report), "-e", f".[{','.join(LOCKED)}]"]
        step("resolving", command)
        names = too_new(json.loads(report.read_text()))
        if names:
            only = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.11.0", "--target", folder]
            step("resolving what 3.11.0 can have", [*pip, *only, "--report", str(report), *names])
            older = Path(folder, "older.txt")
            older.write_text("\n".join(resolved(json.loads(report.read_text()))))
            step("resolving with that", [*command, "-c", str(older)])
        pins = resolved(json.loads(report.read_text()))
    CONSTRAINTS.write_text(CONSTRAINTS_HEADER + "".join(f"{pin}\n" for pin in pins))
    print(f"{len(pins)} versions in {CONSTRAINTS.name}; `git diff {CONSTRAINTS.name}` shows what changed")
    return 0


def resolved(report: dict) -> list[str]:
    """The pins in pip's installation report, sorted; without the project itself and what only some platforms need.

    >>> names = ["NumPy", "colorama", "ruamel.yaml", "dynamodb-workbench"]
    >>> resolved({"install": [{"metadata": {"name": name, "version": "1.0"}} for name in names]})
    ['numpy==1.0', 'ruamel-yaml==1.0']
    """
    found = {_normal(one["metadata"]["name"]): one["metadata"]["version"] for one in report["install"]}
    return sorted(f"{name}=={version}" for name, version in found.items() if name not in UNPINNED)


def too_new(report: dict) -> list[str]:
    """What pip chose on a later 3.11 and 3.11.0 cannot have.

    >>> asks = {"numpy": ">=3.11", "soupsieve": ">=3.11.5", "idna": "!=3.11.0"}
    >>> too_new({"install": [{"metadata": {"name": name, "requires_python": asks[name]}} for name in asks]})
    ['soupsieve', 'idna']
    """
    refuses = re.compile(r">=?\s*3\.11\.[1-9]|>\s*3\.11(\.0)?\b|!=\s*3\.11\.(0|\*)")
    chosen = [one["metadata"] for one in report["install"]]
    return [one["name"] for one in chosen if refuses.search(one.get("requires_python") or "")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def clean(words: list[str]) -> int:
    """Remove everything that can be made again."""
    for name in (".venv", "build", "dist", ".pytest_cache", ".ruff_cache", ".hypothesis"):
        if (ROOT / name).exists():
            remove(ROOT / name)
            print(f"removed {name}")
    return 0


def setup(words: list[str]) -> int:
    """Make the environment for all chores, or mend it."""
    environment(EVERYTHING, renew=True)
    print(f"ready; to have `workbench` on the path: {activation()}")
    return 0


RUNNING = ("local", "lab", "demo")
EVERYTHING = (*RUNNING, "parquet", "java", "dev")
LOCKED = (*EVERYTHING, "browser")  # pinned with the others, installed by .ci/run alone
UNPINNED = {"dynamodb-workbench", "appnope", "colorama", "pywin32", "pywinpty"}  # ourselves, and single platforms'
CONSTRAINTS_HEADER = """\
# The versions that demo, tests, CI and the image install; `make lock` writes this file, on Python 3.11.
"""
STRIP = ("nbstripout", "--extra-keys", "metadata.papermill cell.metadata.papermill")
NOTEBOOKS = "notebooks/**/*.ipynb"
ENGINES = ("auto", "docker", "java", "dynoxide", "embedded", "aws")  # known before what starts them can be imported
QUICKSTART = "notebooks/01_quickstart.ipynb"
AS_ROOT = ("--allow-root",) if os.name == "posix" and os.geteuid() == 0 else ()
CHORES = {
    "demo": Chore("design to charts on a local engine, into build/", RUNNING, demo, True),
    "lab": Chore("the quickstart in JupyterLab", RUNNING, lab, True),
    "test": Chore("the tests", EVERYTHING, module("pytest", "-n", "2"), True),
    "lint": Chore(
        "format, lint, types, stripped notebooks (`make check`)",
        EVERYTHING,
        modules(
            ("ruff", "format", "--check", "."),
            ("ruff", "check", "."),
            ("pyright", "--pythonpath", sys.executable),
            (*STRIP, "--verify", NOTEBOOKS),
        ),
    ),
    "fix": Chore(
        "format, mend what lint can mend, strip notebooks",
        EVERYTHING,
        modules(("ruff", "format", "."), ("ruff", "check", "--fix", "."), (*STRIP, NOTEBOOKS)),
    ),
    "bench": Chore("the benchmarks, into benchmarks/RESULTS.md", EVERYTHING, module("benchmarks"), True),
    "setup": Chore("only make or mend the environment", (), setup),
    "lock": Chore("renew constraints.txt", (), lock),
    "chores": Chore("this list", (), show_chores),
    "clean": Chore("remove .venv, build and caches", (), clean),
}


if __name__ == "__main__":
    main()
