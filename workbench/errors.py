"""What can go wrong, and what each error tells you.

```
WorkbenchError
├── DesignError      the design contradicts itself         .problems .where .line
├── EngineError      could not start, reach or stop        .kind .command .log
│   └── AnswerLost   sent and not answered: whether it was done is not known
├── RequestError     DynamoDB refused a request            .pattern .operation .code
└── NotebookError    a notebook failed or results moved    .notebook .cell .changes
```

Facts are attributes, so that a program can use them; the message is for a person: it names the thing, the value
seen, what was expected, and the fix. Pure functions raise ValueError or TypeError instead. Findings about a design
are returned, never raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class WorkbenchError(Exception):
    """Anything the workbench reports on purpose; catch this to catch them all."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a design file: where it stands and what to do about it."""

    file: str
    line: int
    column: int
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", _legible(self.message))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


_MOST_SHOWN = 800  # characters of a message; a file can hold names and values of any length


def _legible(message: str) -> str:
    """The message with escapes for what a terminal would obey or hide; of a very long one its two ends.

    >>> _legible("'de\u202eparture' is no key attribute")
    "'de\\\\u202eparture' is no key attribute"
    """
    text = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in message)
    half = _MOST_SHOWN // 2
    return text if len(text) <= _MOST_SHOWN else f"{text[:half]} ... {text[-half:]}"


class DesignError(WorkbenchError):
    """A design that cannot be right; carries every problem found, in file order."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(sorted(problems))
        self.where = self.problems[0].file
        self.line = self.problems[0].line
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self):
        return type(self), (self.problems,)


class EngineError(WorkbenchError):
    """An engine that could not be started, reached or stopped; carries its last log lines."""

    def __init__(self, message: str, *, kind: str = "", command: Sequence[str] = (), log: str = ""):
        self.message, self.kind, self.command, self.log = message, kind, tuple(command), log
        super().__init__(message + "".join(f"\n{part}" for part in self._details()))

    def _details(self) -> list[str]:
        command = [f"  command: {' '.join(self.command)}"] if self.command else []
        return command + [f"  log: {line}" for line in self.log.splitlines()[-10:]]

    def __reduce__(self) -> tuple[Any, ...]:
        return _engine_error, (type(self), self.message, self.kind, self.command, self.log)


def _engine_error(
    error: "type[EngineError]", message: str, kind: str, command: tuple[str, ...], log: str
) -> EngineError:
    return error(message, kind=kind, command=command, log=log)


class AnswerLost(EngineError):
    """A request was sent and no answer came: whether the engine did its work is not known."""


class RequestError(WorkbenchError):
    """A request that DynamoDB refused, or that did not do what its access pattern expects."""

    def __init__(self, message: str, *, pattern: str = "", operation: str = "", code: str = ""):
        self.message, self.pattern, self.operation, self.code = message, pattern, operation, code
        super().__init__(message)

    def __reduce__(self):
        return _request_error, (self.message, self.pattern, self.operation, self.code)


def _request_error(message: str, pattern: str, operation: str, code: str) -> RequestError:
    return RequestError(message, pattern=pattern, operation=operation, code=code)


class NotebookError(WorkbenchError):
    """A notebook that failed, or whose recorded results moved."""

    def __init__(
        self, message: str, *, notebook: str | Path = "", cell: int | None = None, changes: Sequence[str] = ()
    ):
        self.message, self.notebook, self.cell, self.changes = message, str(notebook), cell, tuple(changes)
        super().__init__(message)

    def __reduce__(self):
        return _notebook_error, (self.message, self.notebook, self.cell, self.changes)


def _notebook_error(message: str, notebook: str, cell: int | None, changes: tuple[str, ...]) -> NotebookError:
    return NotebookError(message, notebook=notebook, cell=cell, changes=changes)
