"""An engine that outlives the notebook: started by `workbench engine start`, adopted by every notebook after it.

One at most for each user and machine. A record in a folder of the user's state says what it is: it is there from before
anything is launched, with the process that starts it, so that of two starts at once one waits for the other, and what
a start that was killed left behind is found. The engine itself lies in a folder of its own beside the record, with its
log and a lease, whose removal ends it: no two starts ever share one, and the end of one is never that of another.
Those who adopt an engine never stop it, and their tables carry a prefix.
"""

import contextlib
import getpass
import json
import os
import platform
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workbench.engine import ADOPT_SECONDS, Engine, Server
from workbench.errors import EngineError, RequestError
from workbench.folders import folder
from workbench.processes import Child, is_alive
from workbench.starting import START_SECONDS, Options

STOP_SECONDS = 10.0
WAIT_OR_STOP = "wait for it, or `workbench engine stop` ends it"
NONE = "no engine of `workbench engine start` runs"


@dataclass(frozen=True)
class Resident:
    """What is noted about an engine: what it is, where, since when (epoch seconds), and whose.

    While it is being started it has no endpoint yet, and `starter` is the process that starts it.
    """

    kind: str
    version: str
    endpoint_url: str
    started: float
    user: str
    process: int = 0  # 0: it runs in a container
    daemon: str = ""
    container: str = ""
    persist: str = ""
    place: str = ""  # the folder beside the record in which its process runs
    starter: int = 0
    token: str = ""  # tells one start from another

    @property
    def starting(self) -> bool:
        """Whether it is not there yet."""
        return not self.endpoint_url

    @property
    def description(self) -> str:
        """What it is and where, in words."""
        where = f"that process {self.starter} starts" if self.starting else f"at {self.endpoint_url}"
        return f"the {self.kind} engine of `workbench engine start` {where}"

    def server(self) -> Server:
        """What runs it; EngineError if its container is gone, or if Docker does not answer."""
        if not self.container:
            return _Process(self.process, home() / self.place)
        from workbench.containers import attach

        if found := attach(self.daemon, self.container):
            return found
        raise EngineError(f"the container of {self.description} was removed", kind=self.kind)

    def lives(self) -> bool:
        """Whether what runs it is still there, answering or not; EngineError if Docker cannot tell."""
        if not self.container:
            return _runs_in(self.process, self.place)
        from workbench.containers import attach

        found = attach(self.daemon, self.container)
        return found is not None and not found.ended(0.01)

    def engine(self, connections: int) -> Engine:
        """The engine, adopted: not owned, with its log and its end at hand."""
        return Engine(self.kind, self.endpoint_url, self.version, connections, _Adopted(self.server()), owned=False)


class _Process:
    """An engine's process that another process started."""

    def __init__(self, process: int, place: Path):
        self.process, self.place, self.log = process, place, place / "engine.log"
        self.command: tuple[str, ...] = ("workbench", "engine", "start")

    def ended(self, seconds: float = 0) -> str:
        if seconds:
            time.sleep(seconds)
        held = is_alive(self.process) and (self.place / "lease").exists()
        return "" if held else "`workbench engine stop`, or a crash"

    def listens(self) -> None:
        return None

    def log_tail(self, lines: int) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    def end(self) -> None:
        """Take its lease away and wait until it has gone; one that cannot look at its lease is killed."""
        (self.place / "lease").unlink(missing_ok=True)
        deadline = time.monotonic() + STOP_SECONDS
        while _runs_in(self.process, self.place.name) and time.monotonic() < deadline:
            time.sleep(0.05)
        if os.name == "posix" and _runs_in(self.process, self.place.name):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process, signal.SIGKILL)  # the guard and what it guards
            time.sleep(0.1)


class _Adopted:
    """A server that its adopters do not end."""

    def __init__(self, server: Server):
        self.server, self.command, self.log = server, server.command, getattr(server, "log", None)
        self.ended, self.listens, self.log_tail = server.ended, server.listens, server.log_tail

    def end(self) -> None:
        """Let go of it."""
        if isinstance(self.server, _Process):
            return
        self.server.close()  # type: ignore[attr-defined] - a container's


def home() -> Path:
    """The folder of this user's engine on this machine."""
    return folder("state") / f"engine-{platform.node() or 'here'}"


def resident() -> Resident | None:
    """The engine that is noted, whether it still answers or not."""
    try:
        return Resident(**json.loads(_record().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record() -> Path:
    return home() / "engine.json"


def adopt(options: Options) -> Engine:
    """The engine that runs already; EngineError if there is none, or if it does not answer."""
    noted = resident()
    if not noted:
        raise EngineError(NONE, kind="auto")
    if noted.starting:
        raise EngineError(f"{noted.description} is not there yet ({WAIT_OR_STOP})", kind=noted.kind)
    engine = None
    try:
        engine = noted.engine(options.connections)
        engine.greet(ADOPT_SECONDS)
    except (EngineError, RequestError) as error:
        log = engine.log_tail() if engine else ""
        if engine:
            engine.stop()
        raise EngineError(
            f"{noted.description} does not answer within {ADOPT_SECONDS:g} s (`workbench engine logs` says more; "
            "`workbench engine stop` clears it away)",
            kind=noted.kind,
            log=log,
        ) from error
    return engine


def keep(start: Callable[[Options], Engine], options: Options, kind: str = "auto") -> Resident:
    """Start an engine that outlives this process; EngineError if one runs already or is being started."""
    mine = _reserve(kind, options)
    engine = None
    try:
        engine = start(replace(options, resident=home()))
        noted = replace(_noted(engine, options), token=mine.token)
        _replace_record(mine, noted)
    except BaseException:
        if engine:
            engine.stop()
        clear(mine)
        raise
    if isinstance(engine._server, Child):
        engine._server.let_go()
    engine.detach()
    engine.stop()
    return noted


def _reserve(kind: str, options: Options) -> Resident:
    """The record of a start that is under way: of two who start at once, one gets it and the other waits."""
    mine = Resident(kind, "", "", time.time(), _user(), starter=os.getpid(), persist=options.persist, token=_token())
    deadline = time.monotonic() + START_SECONDS
    said = False
    while not _put_record(mine):
        noted = resident()
        if not noted:  # a record that cannot be read, or that was taken away just now
            if _record().exists():
                _end_all()
        elif not noted.starting:
            _refuse_or_clear(noted, options)
        elif not is_alive(noted.starter):  # killed half-way
            _end_start(noted)
        elif time.monotonic() > deadline:
            raise EngineError(f"{noted.description} is still not there: {WAIT_OR_STOP}", kind=noted.kind)
        else:
            if not said:
                options.say(f"another start is under way, by process {noted.starter}: waiting for it")
                said = True
            time.sleep(0.1)
    return mine


def _token() -> str:
    return uuid.uuid4().hex


def _put_record(mine: Resident) -> bool:
    """Note a start, whole or not at all; False if another is noted."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        partial = _written(mine)
        try:
            os.link(partial, _record())
        finally:
            partial.unlink()
    except (FileExistsError, FileNotFoundError):  # the folder went as another engine ended
        return False
    except OSError as error:
        raise EngineError(f"the engine cannot be noted in {home()}: {error}", kind="auto") from error
    return True


def _written(noted: Resident) -> Path:
    partial = home() / f"engine.json.{noted.token}"
    partial.write_text(json.dumps(asdict(noted)), encoding="utf-8")
    return partial


def _replace_record(mine: Resident, noted: Resident) -> None:
    """Note the engine in place of its start; EngineError if that was stopped meanwhile."""
    if resident() != mine:
        raise EngineError(f"`workbench engine stop` ended {mine.description}", kind=mine.kind)
    try:
        _written(noted).replace(_record())
    except OSError as error:
        raise EngineError(f"the engine cannot be noted in {home()}: {error}", kind=noted.kind) from error


def _refuse_or_clear(noted: Resident, options: Options) -> None:
    """EngineError if the engine that is noted is there, whether it answers or not; else it is forgotten."""
    try:
        engine = adopt(options)
    except EngineError as error:
        if noted.lives():
            raise EngineError(
                f"{noted.description} runs, and does not answer within {ADOPT_SECONDS:g} s; `workbench engine stop` "
                "ends it",
                kind=noted.kind,
                log=error.log,
            ) from error
        clear(noted)
        return
    engine.stop()
    raise EngineError(f"{engine.description} runs already: use it, or `workbench engine stop` first", kind=engine.kind)


def _noted(engine: Engine, options: Options) -> Resident:
    server = engine._server
    told = {"persist": options.persist, "started": time.time(), "user": _user()}
    if isinstance(server, Child):
        ran = {"process": server.process.pid, "place": server.folder.name}
        return Resident(engine.kind, engine.version, engine.endpoint_url, **ran, **told)
    from workbench.containers import DockerContainer
    from workbench.daemon import daemon_url

    assert isinstance(server, DockerContainer)
    container = str(server.container.id)
    return Resident(engine.kind, engine.version, engine.endpoint_url, daemon=daemon_url(), container=container, **told)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user id, as in a container
        return str(getattr(os, "getuid", lambda: "unknown")())


def stop() -> Resident:
    """End the engine that runs or is being started, or clear away what is left of it; EngineError if there is none."""
    noted = resident()
    if not noted:
        raise EngineError(NONE, kind="auto")
    if noted.starting:
        _end_start(noted)
        return noted
    if noted.lives():
        noted.server().end()
        if noted.lives():
            raise EngineError(
                f"{noted.description} did not end within {STOP_SECONDS:g} s; its "
                f"{f'container is {noted.container}' if noted.container else f'process is {noted.process}'}",
                kind=noted.kind,
            )
    elif noted.container:  # it ended by itself, and may still be there
        with contextlib.suppress(EngineError):
            noted.server().end()
    clear(noted)
    return noted


def _end_start(noted: Resident) -> None:
    """End what a start has launched so far; a start that still goes on finds that, and gives up."""
    if resident() == noted:
        _end_all()
    if noted.kind in ("docker", "auto"):
        from workbench.containers import sweep_residents

        with contextlib.suppress(EngineError):  # no Docker, so no container
            sweep_residents(home())


def _end_all() -> None:
    """Take the record and every lease away: the guards, which look at them, end their engines."""
    _record().unlink(missing_ok=True)
    places = list(home().glob("engine-*"))
    for place in places:
        (place / "lease").unlink(missing_ok=True)
    deadline = time.monotonic() + 1  # the guards look every 0.1 s
    while any(place.exists() for place in places) and time.monotonic() < deadline:
        time.sleep(0.05)
    for place in places:  # without a guard that could do it
        shutil.rmtree(place, ignore_errors=True)
    _remove_home()


def clear(noted: Resident) -> None:
    """Remove what is noted about an engine, and its folder; a record that is another's by now stays."""
    if (now := resident()) and now.token == noted.token:
        _record().unlink(missing_ok=True)
    if noted.place:
        shutil.rmtree(home() / noted.place, ignore_errors=True)
    _remove_home()


def _remove_home() -> None:
    with contextlib.suppress(OSError):  # somebody else's start is in it
        home().rmdir()


def _runs_in(process: int, place: str) -> bool:
    """Whether a process lives and is the one that runs in a folder: after a restart another may have its number."""
    if os.name != "posix" or not is_alive(process):
        return os.name != "posix" and (home() / place).exists()
    try:
        said = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        try:
            asked = ["ps", "-ww", "-o", "command=", "-p", str(process)]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=ADOPT_SECONDS).stdout
        except (OSError, subprocess.SubprocessError):
            return True
    return place in said
