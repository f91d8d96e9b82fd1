"""Lost answers: what is sent again, and what must be reported as unknown.

A connection that ends between a request and its answer, a wait that is over, or a failure inside the engine leaves
open whether it did the work. A read, or a write that leaves the same however often it is done, is sent again. Another
write is not: a counter would count twice, and a condition would meet what the first try left. AWS's SDKs send both
again, which for a counter is often wrong (Programming.Errors.RetryAndBackoff; on idempotence: API_TransactWriteItems).
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from workbench import expressions, syntax
from workbench.engine import ADOPT_SECONDS, Engine
from workbench.errors import AnswerLost, EngineError, RequestError
from workbench.syntax import Arithmetic, Call, Clause

LOST_MOST = 10  # answers in one run: an engine that loses more is not worth going on with
UNKNOWN = "unknown"  # what stands for the error code of a call whose answer was lost

_ALWAYS = {
    "GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems", "DescribeTable", "ListTables",
    "BatchWriteItem", "DeleteTable",
}  # fmt: skip
_ACTIONS = {"Put", "Update", "Delete"}
_SETS = {"SS", "NS", "BS"}

T = TypeVar("T")


class Attempts:
    """Sends the requests of a run, and those that may be repeated again when their answer was lost."""

    def __init__(self, engine: Engine):
        self.engine, self.lost = engine, 0
        self._lock = threading.Lock()
        self._gone: EngineError | None = None

    def call(self, operation: str, body: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The engine's answer, as `Engine.call` gives it; of a ready-made body only what may always be repeated."""
        parameters = {} if isinstance(body, bytes) else body
        return self.send(operation, parameters, lambda: self.engine.call(operation, body))

    def send(self, operation: str, parameters: Mapping[str, Any], send: Callable[[], T]) -> T:
        """What `send` returns. AnswerLost if it was sent, once, and may have been done or not.

        EngineError if the engine has gone, or has lost more than ten answers.
        """
        while True:
            if self._gone:  # what is still to be tidied up does not wait for it again
                raise self._gone
            try:
                return send()
            except AnswerLost as error:
                self._look(error)
                if not may_repeat(operation, parameters):
                    raise

    def _look(self, error: AnswerLost) -> None:
        """Whether it is worth going on: an engine that is there answers within five seconds."""
        with self._lock:
            self.lost += 1
            lost = self.lost
        if lost > LOST_MOST:
            message = f"{error.message}; {lost} requests failed like this in one run, which ends here"
            raise EngineError(message, kind=error.kind, command=error.command, log=error.log) from error
        try:
            self.engine.greet(ADOPT_SECONDS)
        except RequestError:
            pass  # refused, and so answered
        except EngineError as gone:
            self._gone = gone if self.engine.is_local else None  # in an account tables wait to be deleted
            raise


def may_repeat(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a request, done twice, leaves the same as done once.

    A write's answer may differ: the old values of a second try are those that the first left. Runs ask for them only
    to meter the write, and drop the units of one that was sent twice.

    >>> update = {"UpdateExpression": "ADD hits :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    >>> may_repeat("UpdateItem", update), may_repeat("UpdateItem", {"UpdateExpression": "SET seen = :now"})
    (False, True)
    """
    if operation == "TransactWriteItems":
        members = [next(iter(member.items())) for member in parameters["TransactItems"]]
        return "ClientRequestToken" in parameters or all(may_repeat(*member) for member in members)
    if operation in _ALWAYS:
        return True
    if "ConditionExpression" in parameters or operation.removesuffix("Item") not in _ACTIONS:
        return False
    return "UpdateExpression" not in parameters or _same_twice(parameters)


def _same_twice(parameters: Mapping[str, Any]) -> bool:
    names = {name[1:]: attribute for name, attribute in parameters.get("ExpressionAttributeNames", {}).items()}
    update = syntax.resolve(expressions.parse_update(parameters["UpdateExpression"]), names)
    if any(isinstance(part, int) for path in syntax.paths(update) for part in path.parts):
        return False  # elements of a list move when one is removed or appended
    written = {clause.path.parts[0] for clause in update.clauses}
    values = parameters.get("ExpressionAttributeValues", {})
    return all(_settles(clause, written, values) for clause in update.clauses)


def _settles(clause: Clause, written: set[Any], values: Mapping[str, Any]) -> bool:
    """Whether a clause leaves the same a second time."""
    if clause.action in ("REMOVE", "DELETE"):
        return True
    assert clause.value is not None
    if clause.action == "ADD":  # members of a set are there or not; a number grows
        return all(not values[f":{name}"].keys().isdisjoint(_SETS) for name in syntax.values(clause.value))
    nodes = list(syntax.walk(clause.value))
    if any(isinstance(n, Arithmetic) or (isinstance(n, Call) and n.function != "if_not_exists") for n in nodes):
        return False
    read = {path.parts[0] for path in syntax.paths(clause.value) if path != clause.path}
    return read.isdisjoint(written)
