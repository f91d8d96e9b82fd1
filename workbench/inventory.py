"""What is on an engine: every table, how many items it holds, and whose it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.engine import Engine
from workbench.errors import RequestError
from workbench.results import Result
from workbench.tables import REGISTRY, REGISTRY_KEY

if TYPE_CHECKING:
    import pandas as pd

FOREIGN = "not the workbench's"


@dataclass(frozen=True, repr=False)
class Inventory(Result):
    """The tables of an engine, a line each: `table`, `items`, and `owner`, the design that it was made for."""

    engine: str
    tables: tuple[dict[str, Any], ...]

    def summary_line(self) -> str:
        items = sum(table["items"] for table in self.tables)
        return f"{self.engine}: {len(self.tables)} table{'s' * (len(self.tables) != 1)}, {items:,} items"

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(list(self.tables), columns=["table", "items", "owner"])


def inventory(engine: Engine) -> Inventory:
    """The tables on an engine, counted by reading them: DescribeTable's count is hours old on the service."""
    names = table_names(engine)
    owners = {table: design for name in names for table, design in _noted(engine, name)}
    lines = [
        {"table": name, "items": count(engine, name), "owner": owners.get(name, FOREIGN)}
        for name in names
        if owners.get(name) != REGISTRY
    ]
    return Inventory(engine.name, tuple(lines))


def table_names(engine: Engine) -> list[str]:
    """All tables, in the order of their names."""
    names: list[str] = []
    request: dict[str, Any] = {}
    while True:
        said = engine.call("ListTables", request)
        names += said["TableNames"]
        if not said.get("LastEvaluatedTableName"):
            return sorted(names)
        request = {"ExclusiveStartTableName": said["LastEvaluatedTableName"]}


def _noted(engine: Engine, name: str) -> list[tuple[str, str]]:
    """The tables that one of the workbench's own tables notes, with the design's name; itself among them."""
    _, found, design = name.partition(REGISTRY)
    if not found:
        return []
    try:
        items = engine.call("Scan", {"TableName": name})["Items"]
    except RequestError:  # dropped meanwhile
        return []
    return [(name, REGISTRY), *((item[REGISTRY_KEY]["S"], design) for item in items if REGISTRY_KEY in item)]


def count(engine: Engine, table: str) -> int:
    """How many items a table holds; 0 if it is dropped meanwhile."""
    request: dict[str, Any] = {"TableName": table, "Select": "COUNT"}
    total = 0
    while True:
        try:
            page = engine.call("Scan", request)
        except RequestError as error:
            if error.code == "ResourceNotFoundException":
                return total
            raise
        total += page["Count"]
        if not page.get("LastEvaluatedKey"):
            return total
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
