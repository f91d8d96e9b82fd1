"""Child processes that end with their parent, whatever ends it, and the ports of this machine.

A program is run by a small script in a folder of its own, with none of the user's settings. The script watches a pipe
that closes when the parent ends: so nothing stays behind when a notebook's kernel is killed.
"""

import contextlib
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# The engine's own side of "nothing stays behind". The pipe is portable and sees every death of the parent; asking
# for the parent covers a fork of it (multiprocessing) that still holds the pipe. PR_SET_PDEATHSIG alone would not
# do: it fires when the thread that started the engine ends, which in a notebook server is not the end of the work.
# An engine that is to outlive its parent has a lease instead, and ends when that file is removed.
WATCH = """
import os, shutil, sys, threading, time

folder = os.path.dirname(os.path.abspath(__file__))
lease = os.path.join(folder, "lease")

def watch(end):
    def pipe():
        os.read(0, 1)
        end()

    def parent():
        while os.getppid() == int(os.environ["WORKBENCH_PARENT"]):
            time.sleep(1)
        end()

    def held():
        while os.path.exists(lease):
            time.sleep(0.1)
        end()

    looks = (held,) if os.path.exists(lease) else (pipe, parent) if os.name == "posix" else (pipe,)
    for look in looks:
        threading.Thread(target=look, daemon=True).start()

def sweep():
    shutil.rmtree(folder, ignore_errors=True)
"""
GUARD = f"""{WATCH}
def hold(path):  # two engines on the same data would spoil them
    file = open(path, "a")
    try:
        if os.name == "posix":
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        sys.exit("another engine uses the data in " + os.path.dirname(path))
    return file

held = hold(os.environ["WORKBENCH_LOCK"]) if "WORKBENCH_LOCK" in os.environ else None
import ctypes, signal, subprocess
linux = sys.platform == "linux"
libc = ctypes.CDLL(None) if linux else None
engine = subprocess.Popen(
    sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=(lambda: libc.prctl(1, signal.SIGKILL)) if linux else None
)
asked = threading.Event()

def end():
    asked.set()
    engine.kill()

signal.signal(signal.SIGTERM, lambda *_: end())
watch(end)
code = engine.wait()
if asked.is_set():
    sweep()
sys.exit(code)
"""
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")


class Child:
    """A program in a process group of its own (the user's Ctrl-C is not for it), in a private folder, with a log.

    Given a `resident` folder its own is in there, and it outlives its parent, until the file `lease` in its own folder
    is removed.
    """

    def __init__(
        self,
        program: str,
        arguments: Iterable[str] = (),
        settings: Mapping[str, str] | None = None,
        resident: Path | None = None,
    ):
        prefix = "engine-" if resident else "workbench-engine-"
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=resident))  # never one that another has had
        self.resident, self.owner = resident, os.getpid()
        self.log = self.folder / "engine.log"
        script, work = self.folder / "engine.py", self.folder / "work"
        script.write_text(program, encoding="utf-8")
        work.mkdir()
        if resident:
            (self.folder / "lease").touch()  # before the program, which without it would look at its parent
        self.command = (sys.executable, "-I", str(script), *arguments)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                # never written; no other child inherits our end (PEP 446)
                stdin=subprocess.DEVNULL if resident else subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=work,
                env=self._environment(work) | dict(settings or {}),
                **_DETACHED,
            )

    def _environment(self, work: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        ours = {"WORKBENCH_PARENT": str(self.owner), "WORKBENCH_PATH": os.pathsep.join(filter(None, sys.path))}
        return kept | ours | dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(work))

    def ended(self, seconds: float = 0) -> str:
        """How it ended, as in `exit code -9`; empty while it runs, looking for at most so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(seconds) if seconds else self.process.poll()
            return "" if code is None else f"exit code {code}"
        return ""

    def listens(self) -> set[str] | None:
        """The host:port pairs on which it listens; None where the system does not tell."""
        return listening(self.process.pid)

    def log_tail(self, lines: int) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    def let_go(self) -> None:
        """Nobody here waits for the process any more."""
        self.process.returncode = 0  # else its object complains that it still runs

    def end(self) -> None:
        """Ends the process and removes what it left, save the log of one that ended by itself."""
        if os.getpid() != self.owner:
            return  # a fork of the owner
        crashed = self.ended() and self.log.exists() and self.log.stat().st_size > 0
        (self.folder / "lease").unlink(missing_ok=True)
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder / "work" if crashed and not self.resident else self.folder, ignore_errors=True)


def is_alive(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be asked without harm, it is taken to run."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def locked(folder: Path | None) -> dict[str, str]:
    """The setting with which the guard of an engine holds its data folder against a second engine."""
    return {"WORKBENCH_LOCK": str(folder / "lock")} if folder else {}


_DETACHED: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _DETACHED = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}


def listening(pid: int) -> set[str] | None:
    """The host:port pairs on which a process and its children listen; None where the system does not tell."""
    try:
        family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        sockets = {link for member in family for link in _links(Path(f"/proc/{member}/fd"))}
        tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    except OSError:
        return None
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {_address(row[1]) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets} if rows else None


def _links(folder: Path) -> list[str]:
    found = []
    for link in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(link.readlink()))
    return found


def _address(text: str) -> str:
    """Linux writes 127.0.0.1:8080 as `0100007F:1F90`, in words of the machine's byte order."""
    host, _, port = text.partition(":")
    words = struct.pack(f"={len(host) // 8}I", *(int(host[i : i + 8], 16) for i in range(0, len(host), 8)))
    return f"{ipaddress.ip_address(words)}:{int(port, 16)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # connections that an ended engine leaves behind do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return False
    return True
