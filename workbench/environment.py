"""The environment of a checkout: `.venv`, made and filled when something needs it, and mended when it is broken.

Packages come in the versions of `constraints.txt`, the project itself as an editable install. A stamp in `.venv` says
what it was made for, so that a second start costs nothing; without the stamp, or with the mark of an unfinished
installation, the environment is mended or made anew. An interpreter that already holds the packages (conda from
`environment.yml`, say) is used as it is. Only the standard library is imported here: nothing else is there yet.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = VENV_BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "workbench-setup.json"
CONSTRAINTS = ROOT / "constraints.txt"
LOG = ROOT / "build" / "setup.log"

# Settings of the user's that would take packages or Python elsewhere than into .venv, or stop an editable install.
UNWANTED = {
    *("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__"),
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_IGNORE_INSTALLED"),
    *("PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_NO_BUILD_ISOLATION", "PIP_REQUIREMENT", "PIP_EDITABLE"),
}

# What the log of a failed step says -> what the reader can do about it.
REMEDIES = {
    r"ensurepip is\s+not\s+available|No module named '?(venv|ensurepip)": "On Debian and Ubuntu: sudo apt install "
    "python3-venv (or python3.11-venv, for your version), then run the same command again.",
    r"No space left": "The disk is full; about 1 GB is needed here and in the temporary folder.",
    r"CERTIFICATE_VERIFY_FAILED|SSLError": "The package index's certificate is not trusted here: PIP_CERT=FILE names "
    "your organisation's certificates.",
    r"Temporary failure|NewConnectionError|ProxyError|timed out|No matching distribution|Name or service not known": (
        "The package index gave no answer, or not this version: check the network, HTTPS_PROXY and PIP_INDEX_URL, "
        "then run the same command again."
    ),
}

# What pip prints while it works -> what is shown of it.
PHASES = (
    (re.compile(r"^Collecting (\S+)"), "finding {}"),
    (re.compile(r"^ *(?:Downloading|Using cached) (\S+?)\.metadata"), "finding {}"),
    (re.compile(r"^ *(?:Downloading|Using cached) (\S+)"), "fetching {}"),
    (re.compile(r"^Installing collected (packages)"), "unpacking {}"),
)


class Trouble(Exception):
    """Something the user can mend; shown as it is, without a traceback."""


def environment(extras: Sequence[str], renew: bool = False) -> tuple[Path, float]:
    """The Python that has the extras, and the seconds that it took to install them (0 if they were there)."""
    try:
        if not extras or (not renew and usable_here(extras)):
            return Path(sys.executable), 0.0
        with _alone():
            return VENV_PYTHON, install(extras) if renew or not installed(extras) else 0.0
    except OSError as problem:
        raise Trouble(f"cannot make the environment in {VENV}: {problem}") from None


def usable_here(extras: Sequence[str]) -> bool:
    """Whether this interpreter can do it: our `.venv` if its stamp is current, another one if it has all packages."""
    ours = Path(sys.prefix).resolve() == VENV.resolve() and STAMP.exists()
    return installed(extras) if ours else complete(extras)


def complete(extras: Sequence[str]) -> bool:
    """Whether this interpreter has this checkout installed, and all packages of the extras in versions allowed."""
    from importlib import metadata

    try:
        from packaging.requirements import Requirement

        origin = json.loads(metadata.distribution("dynamodb-workbench").read_text("direct_url.json") or "{}")
        needed = [Requirement(line) for line in requirements(extras)]
        return _same_place(origin.get("url", "")) and all(
            one.specifier.contains(metadata.version(one.name), prereleases=True) for one in needed
        )
    except ImportError:  # packaging, or one of the distributions
        return False


def _same_place(url: str) -> bool:
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    return Path(url2pathname(urlparse(url).path)).resolve() == ROOT


def project() -> dict:
    """The `[project]` table of pyproject.toml."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(extras: Sequence[str]) -> list[str]:
    """What the package and these extras of it require, as written in pyproject.toml."""
    table = project()
    return table["dependencies"] + [line for extra in extras for line in table["optional-dependencies"][extra]]


def installed(extras: Sequence[str]) -> bool:
    """Whether `.venv` was finished for these extras and for today's pyproject.toml and constraints.txt."""
    stamp = _stamp()
    fits = stamp.get("fingerprint") == fingerprint() and set(extras) <= set(stamp.get("extras", ()))
    return fits and VENV_PYTHON.exists()


def fingerprint() -> str:
    """Changes when an installed `.venv` no longer fits: other requirements, other versions, another place."""
    parts = (json.dumps(project(), sort_keys=True), CONSTRAINTS.read_text(encoding="utf-8"), str(ROOT))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _stamp() -> dict:
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def install(extras: Sequence[str]) -> float:
    """Make `.venv` or mend it, install the extras into it, and say how many seconds that took."""
    began = time.monotonic()
    wanted = sorted(set(extras) | set(_stamp().get("extras", ())))
    print(
        f"Packages for {', '.join(extras)} go into .venv, once; a minute or so (log: {LOG.parent.name}/{LOG.name}).",
        flush=True,
    )
    start_log()
    _discard_broken()
    VENV.mkdir(exist_ok=True)
    STAMP.write_text(json.dumps({"unfinished": True, "root": str(ROOT)}), encoding="utf-8")
    if not _runs("import pip"):
        step(f"making .venv with Python {sys.version.split()[0]}", _pip_maker())
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "-c", str(CONSTRAINTS)]
    step("installing", [str(VENV_PYTHON), "-m", "pip", "install", *options, "-e", f".[{','.join(wanted)}]"])
    stamp = {"fingerprint": fingerprint(), "extras": wanted, "root": str(ROOT)}
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")
    return time.monotonic() - began


def _discard_broken() -> None:
    """A half-finished or moved environment is made anew: pip takes half-unpacked packages for whole ones."""
    if not VENV.exists():
        return
    stamp = _stamp()
    moved = stamp.get("root", str(ROOT)) != str(ROOT)
    if stamp.get("unfinished") or moved or not _runs("import sys; sys.exit(sys.version_info < (3, 11))"):
        print("  the .venv found here is unfinished or does not run: making it anew")
        remove(VENV)


def remove(folder: Path) -> None:
    """Remove a folder and all that is in it; Trouble if that cannot be."""
    try:
        shutil.rmtree(folder)
    except OSError as problem:
        raise Trouble(
            f"cannot remove {folder}: {problem}. Remove it by hand, then run the same command again"
        ) from None


def _runs(code: str) -> bool:
    try:
        return subprocess.run([VENV_PYTHON, "-c", code], env=clean_environ(), capture_output=True).returncode == 0
    except OSError:
        return False


def _pip_maker() -> list[str]:
    """An environment made by another tool may lack only pip."""
    if _runs("pass"):
        return [str(VENV_PYTHON), "-m", "ensurepip"]
    return [sys.executable, "-m", "venv", str(VENV)]


def clean_environ() -> dict[str, str]:
    """The user's environment variables less those that would lead out of `.venv`; index, proxy and cache stay."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    path = os.pathsep.join([str(VENV_BIN), kept.get("PATH", "")])
    return {**kept, "PIP_USER": "0", "VIRTUAL_ENV": str(VENV), "PATH": path}


@contextmanager
def _alone() -> Iterator[None]:
    """Two terminals may start at once: the second waits until the first has installed. Windows has no such lock."""
    LOG.parent.mkdir(exist_ok=True)
    with (LOG.parent / "setup.lock").open("w") as file:
        if os.name == "posix":
            _wait_for(file)
        yield


def _wait_for(file: IO[str]) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting for another start that is installing packages ...", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)


# One step, shown while it runs ----------------------------------------------------------------------------------------


def start_log() -> None:
    """Begin the log of steps anew."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_bytes(b"")


def step(title: str, command: list[str]) -> None:
    """Run a command into the log, showing what it does and how long it took; Trouble with the log's end if it fails."""
    began, shown = time.monotonic(), set()
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        while _running(process):
            _show(title, _doing(_log_text()), time.monotonic() - began, shown)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    _say(f"  {title}: {time.monotonic() - began:.1f} s\n")
    if process.returncode:
        raise Trouble(_failure(title, process.returncode, _log_text()))


def _running(process: subprocess.Popen) -> bool:
    try:
        process.wait(0.3)
        return False
    except subprocess.TimeoutExpired:
        return True


def _show(title: str, doing: str, seconds: float, shown: set[str]) -> None:
    """On a terminal one line that changes; elsewhere a line for each new kind of work."""
    kind = doing.split(" ")[0]
    if sys.stdout.isatty():
        _say(f"  {title}: {doing} ({seconds:.0f} s)")
    elif kind not in shown | {"working"}:
        _say(f"  {title}: {kind} ...\n")
    shown.add(kind)


def _say(text: str) -> None:
    """Print, over the line that stands on the terminal's last row."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        text = f"\r{' ' * width}\r{text[:width]}"
    print(text, end="", flush=True)


def _doing(text: str) -> str:
    """What the last telling line of pip's output means.

    >>> _doing("Collecting numpy>=2.0\\n  Downloading numpy-2.4.6-cp311.whl (16.6 MB)\\n")
    'fetching numpy-2.4.6-cp311.whl'
    """
    for line in reversed(text.splitlines()):
        for pattern, words in PHASES:
            if found := pattern.match(line):
                return words.format(found[1])
    return "working"


def _log_text() -> str:
    return LOG.read_text(encoding="utf-8", errors="replace")


def _failure(title: str, code: int, text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()][-12:]
    advice = next((way for sign, way in REMEDIES.items() if re.search(sign, text)), "Run the same command again.")
    return "\n".join([f"{title} failed (exit code {code}):", *(f"  {line}" for line in lines), "", advice])


def activation(prefix: Path = VENV) -> str:
    """The line that puts an environment's `workbench` on the path of this system's usual shell."""
    folder = prefix.relative_to(Path.cwd()) if prefix.is_relative_to(Path.cwd()) else prefix
    return f"{folder}\\Scripts\\activate" if os.name == "nt" else f"source {folder}/bin/activate"
