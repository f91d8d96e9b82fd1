"""An engine that outlives the notebook: started by `workbench engine start`, adopted by every notebook after it.

One at most for each user and machine. What is known of it lies in a folder of the user's state: a record, the log, and
a lease, whose removal ends the engine. Those who adopt it never stop it, and their tables carry a prefix.
"""

import contextlib
import getpass
import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workbench.engine import ADOPT_SECONDS, Engine, Server
from workbench.errors import EngineError, RequestError
from workbench.folders import folder
from workbench.processes import Child, is_alive
from workbench.starting import START_SECONDS, Options

STOP_SECONDS = 10.0
NONE = "no engine of `workbench engine start` runs"


@dataclass(frozen=True)
class Resident:
    """What is noted about a running engine: what it is, where, since when (epoch seconds), and whose."""

    kind: str
    version: str
    endpoint_url: str
    started: float
    user: str
    process: int = 0  # 0: it runs in a container
    daemon: str = ""
    container: str = ""
    persist: str = ""

    def server(self) -> Server:
        """What runs it."""
        if not self.container:
            return _Process(self.process)
        from workbench.containers import attach

        return attach(self.daemon, self.container)

    def engine(self, connections: int) -> Engine:
        """The engine, adopted: not owned, with its log and its end at hand."""
        return Engine(self.kind, self.endpoint_url, self.version, connections, _Adopted(self.server()), owned=False)


class _Process:
    """An engine's process that another process started."""

    def __init__(self, process: int):
        self.process, self.log = process, home() / "engine.log"
        self.command: tuple[str, ...] = ("workbench", "engine", "start")

    def ended(self, seconds: float = 0) -> str:
        if seconds:
            time.sleep(seconds)
        return "" if is_alive(self.process) and (home() / "lease").exists() else "`workbench engine stop`, or a crash"

    def listens(self) -> None:
        return None

    def log_tail(self, lines: int) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    def end(self) -> None:
        """Take its lease away and wait until it has gone."""
        (home() / "lease").unlink(missing_ok=True)
        deadline = time.monotonic() + STOP_SECONDS
        while is_alive(self.process) and home().exists() and time.monotonic() < deadline:
            time.sleep(0.05)


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
        return Resident(**json.loads((home() / "engine.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def adopt(options: Options) -> Engine:
    """The engine that runs already; EngineError if there is none, or if it does not answer."""
    noted = resident()
    if not noted:
        raise EngineError(NONE, kind="auto")
    engine = noted.engine(options.connections)
    try:
        engine.greet(ADOPT_SECONDS)
    except (EngineError, RequestError) as error:
        engine.stop()
        raise EngineError(
            f"the {noted.kind} engine of `workbench engine start` at {noted.endpoint_url} does not answer (`workbench "
            "engine logs` says more; `workbench engine stop` clears it away)",
            kind=noted.kind,
            log=engine.log_tail(),
        ) from error
    return engine


def keep(start: Callable[[Options], Engine], options: Options) -> Resident:
    """Start an engine that outlives this process; EngineError if one runs already or is being started."""
    place = _reserve(options)
    try:
        engine = start(replace(options, resident=place))
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    noted = _noted(engine, options)
    try:
        partial = place / "engine.json.new"
        partial.write_text(json.dumps(asdict(noted)), encoding="utf-8")
        partial.replace(place / "engine.json")
    except BaseException:
        engine.stop()
        shutil.rmtree(place, ignore_errors=True)
        raise
    if isinstance(engine._server, Child):
        engine._server.let_go()
    engine.detach()
    engine.stop()
    return noted


def _reserve(options: Options) -> Path:
    """An empty folder that is nobody else's: of two who start at once, one gets it."""
    place = home()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            place.mkdir(parents=True)
            return place
        except FileExistsError:
            pass
        except OSError as error:
            raise EngineError(f"the engine cannot be noted in {place}: {error}", kind="auto") from error
        if resident():
            _refuse_or_clear(options)
        elif time.monotonic() > deadline:  # whoever made it is gone
            clear()
        else:
            time.sleep(0.1)


def _refuse_or_clear(options: Options) -> None:
    try:
        engine = adopt(options)
    except EngineError:
        clear()
        return
    engine.stop()
    raise EngineError(f"{engine.description} runs already: use it, or `workbench engine stop` first", kind=engine.kind)


def _noted(engine: Engine, options: Options) -> Resident:
    server = engine._server
    told = {"persist": options.persist, "started": time.time(), "user": _user()}
    if isinstance(server, Child):
        return Resident(engine.kind, engine.version, engine.endpoint_url, process=server.process.pid, **told)
    from workbench.containers import DockerContainer, daemon_url

    assert isinstance(server, DockerContainer)
    container = str(server.container.id)
    return Resident(engine.kind, engine.version, engine.endpoint_url, daemon=daemon_url(), container=container, **told)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user id, as in a container
        return str(getattr(os, "getuid", lambda: "unknown")())


def stop() -> Resident:
    """End the engine that runs, or clear away what is left of it; EngineError if there is none."""
    noted = resident()
    if not noted:
        raise EngineError(NONE, kind="auto")
    with contextlib.suppress(EngineError):  # a container that is gone
        noted.server().end()
    if not noted.container and is_alive(noted.process) and home().exists() and _still_answers(noted):
        raise EngineError(
            f"{noted.kind} engine at {noted.endpoint_url} did not end within {STOP_SECONDS:g} s; its process is "
            f"{noted.process}",
            kind=noted.kind,
        )
    clear()
    return noted


def _still_answers(noted: Resident) -> bool:
    try:
        engine = Engine("url", noted.endpoint_url, "", 1)
        engine.greet(1.0)
    except (EngineError, RequestError):
        return False
    return True


def clear() -> None:
    """Remove what is noted about an engine, and its folder."""
    shutil.rmtree(home(), ignore_errors=True)
