"""Workers: processes that execute notebooks, several at a time, and leave nothing behind.

papermill changes the process's folder while a notebook runs, so two notebooks at a time need two processes. A worker
imports papermill once and takes one notebook after the other: a line of JSON in, a line out. It lives in a process
group of its own, so that Ctrl-C meets the caller, who then ends it in order. Everything hangs on one thread: the worker
ends when its pipe closes, however its caller ended; its kernel ends with it; and engines end with their kernel.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import NotebookError

END_SECONDS = 20.0  # a cell's `finally` and the end of its kernel fit in
# Sets of text are in another order in each process unless this is fixed, and local times are the machine's.
STEADY = {"PYTHONHASHSEED": "0", "TZ": "UTC"}
# This very package, installed or not, and nothing from the folder in which the caller happens to be.
_PROGRAM = f"""
import sys
sys.path.append({str(Path(__file__).parent.parent)!r})
from workbench.workers import main
main()
"""


class Worker:
    """A process that runs notebooks for the thread that made it. As a context manager it is ended at the end."""

    def __init__(self, environ: Mapping[str, str] | None = None):
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **STEADY, **(environ or {})},
            **_DETACHED,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can take another notebook."""
        return self._process.poll() is None

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a job: what `answer` returns; if the process dies meanwhile, an error that says so."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(OSError):  # it has just died: its answer says so
            self._process.stdin.write(json.dumps(dict(job)).encode() + b"\n")
            self._process.stdin.flush()
        with contextlib.suppress(ValueError):
            return json.loads(self._process.stdout.readline())
        return {"error": self._death()}

    def _death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.poll()
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return "\n  ".join([f"the process that ran it ended ({how}) before the notebook did", *said[-5:]])

    def end(self) -> None:
        """End it in order: what runs is stopped like by Ctrl-C, its kernel and engines with it. Twice does no harm."""
        assert self._process.stdin and self._process.stdout
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Pool:
    """Up to `size` workers, each made when it is first needed, and another one in place of one that died.

    `run` is called from as many threads. As a context manager it ends all of them at the end.
    """

    def __init__(self, size: int, environ: Mapping[str, str] | None = None):
        self.size, self._environ = size, dict(environ or {})
        self._idle: list[Worker] = []
        self._all: list[Worker] = []
        self._lock, self._ended = threading.Lock(), False

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a free worker to a job; an error once the pool has ended."""
        with self._lock:
            if self._ended:
                return {"error": STOPPED}
            worker = self._idle.pop() if self._idle else self._hired()
        found = worker.run(job)
        if self._ended:
            return {"error": STOPPED}
        with self._lock:
            self._idle += [worker] if worker.is_alive else []
        return found

    def _hired(self) -> Worker:
        self._all.append(Worker(self._environ))
        return self._all[-1]

    def end(self) -> None:
        """End all workers, at the same time."""
        with self._lock:
            self._ended = True
        threads = [threading.Thread(target=worker.end) for worker in self._all]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


STOPPED = "stopped before it was done"
_DETACHED: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _DETACHED = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}


# Inside the worker ----------------------------------------------------------------------------------------------------


def main() -> None:
    """Answer jobs until the pipe from the caller closes."""
    with _answers() as out:
        for name in ("SIGTERM", "SIGHUP"):
            if number := getattr(signal, name, None):
                signal.signal(number, lambda number, _: sys.exit(128 + number))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
        for line in iter(jobs.get, _NO_MORE):
            out.write(json.dumps(answer(json.loads(line))) + "\n")
            out.flush()


_NO_MORE = ""


@contextlib.contextmanager
def _answers() -> Iterator[Any]:
    """The pipe to the caller; whatever else prints goes to the log."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with out, contextlib.suppress(BrokenPipeError):
        yield out


def _listen(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    jobs.put(_NO_MORE)
    os.kill(os.getpid(), signal.SIGTERM)  # what runs is stopped in order


def answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Run the notebook of a job: its results, parameters and seconds, or the error with its cell."""
    from workbench.regression import run_notebook

    os.environ.update(job.get("environ", {}))
    try:
        done = run_notebook(job["notebook"], job["output"], job["parameters"], job["timeout"], progress=False)
    except NotebookError as error:
        return {"error": str(error), "cell": error.cell}
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{Path(job['notebook']).name}: {type(error).__name__}: {error}"}
    return {"results": done.results, "parameters": done.parameters, "seconds": done.seconds}


if __name__ == "__main__":
    main()
