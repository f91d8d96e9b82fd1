"""How an engine of any kind is started: what is asked of it, a free port, and the wait until it answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from numbers import Integral
from pathlib import Path

from workbench.engine import Engine
from workbench.errors import EngineError
from workbench.folders import folder
from workbench.processes import Child, free_port, is_taken

START_SECONDS = 60.0  # an engine of ours must answer within this, on a busy machine too
CONNECTIONS = 16
MOST_CONNECTIONS = 10_000
NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"  # of kept data, which Docker takes for a volume too
PORT_TRIES = 5  # how often another program may take the free port between choosing and binding it


@dataclass(frozen=True)
class Options:
    """What `start_engine` was asked for; `resident` is the folder of an engine that is to outlive this process."""

    timeout: float = START_SECONDS
    connections: int = CONNECTIONS
    progress: Callable[[str], object] | None = None
    port: int | None = None
    persist: str = ""
    resident: Path | None = None

    def say(self, line: str) -> None:
        """Tell a line of progress to whoever wants to know."""
        if self.progress:
            self.progress(line)

    def check(self, kind: str) -> None:
        """EngineError for a value that cannot be, with what is allowed."""
        said = "" if self.port is None or _within(self.port, 65535) else _wrong_port(self.port)
        if not _within(self.connections, MOST_CONNECTIONS):
            said = f"connections={self.connections!r}: requests in flight are a number from 1 to {MOST_CONNECTIONS:,}"
        elif isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not 0 < self.timeout < inf:
            said = f"timeout={self.timeout!r}: an engine is waited for a number of seconds above 0"
        elif not isinstance(self.persist, str) or not re.fullmatch(rf"({NAME})?", self.persist):
            allowed = "up to 63 letters, digits and _ . -, and begins with a letter or digit"
            said = f"persist={self.persist!r}: the name of kept data has {allowed}"
        if said:
            raise EngineError(said, kind=kind)

    def data_folder(self, kind: str) -> Path | None:
        """Where an engine of this kind keeps its named data; None if nothing is to be kept."""
        if not self.persist:
            return None
        path = folder("data") / kind / self.persist
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"the data of {self.persist} cannot be kept in {path}: {error}", kind=kind) from error
        return path


def _within(value: object, most: int) -> bool:
    """Whether a value is a whole number from 1 to `most`; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 < int(value) <= most


def _wrong_port(port: object) -> str:
    shown = port if isinstance(port, int) else f"{port!r}"
    return f"port {shown}: a port is a number from 1 to 65535"


def start_process(kind: str, version: str, launch: Callable[[int], Child], options: Options) -> Engine:
    """An engine on the port asked for, or on a free one; tries another if a stranger takes that before it does."""
    if options.port and is_taken(options.port):
        raise taken(kind, options.port)
    for left in reversed(range(1 if options.port else PORT_TRIES)):
        port = options.port or free_port()
        options.say(f"starting {version} on port {port}")
        try:
            child = launch(port)
        except OSError as error:  # no space, no processes left
            raise EngineError(f"{version} cannot be started: {error}", kind=kind) from error
        engine = Engine(kind, f"http://127.0.0.1:{port}", version, options.connections, child)
        try:
            engine.wait(options.timeout)
            return engine
        except BaseException as error:
            engine.stop()
            if not (left and isinstance(error, EngineError) and is_taken(port)):
                raise
    raise AssertionError("the last try returns or raises")


def taken(kind: str, port: int) -> EngineError:
    """The error for a port that another program listens on."""
    return EngineError(
        f"port {port} is taken by another program: choose another one, or leave it out for a free one. If it is a "
        f'DynamoDB, use it: start_engine("http://127.0.0.1:{port}")',
        kind=kind,
    )
