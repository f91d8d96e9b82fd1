"""The DynamoDB modelling workbench: design tables and see what they cost before any production traffic.

    import workbench as wb

    design = wb.load_design("designs/task_board.yaml")
    items = wb.generate_items(design, seed=7)
    with wb.start_engine() as engine:
        run = wb.run_patterns(design, engine, items)
    wb.charts.capacity(run)

Importing it loads nothing heavy: each name below is loaded from its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import capacity as capacity
    from workbench import charts as charts
    from workbench import regression as regression
    from workbench.capacity import index_write_units as index_write_units
    from workbench.capacity import read_units as read_units
    from workbench.capacity import write_units as write_units
    from workbench.design import Design as Design
    from workbench.designfile import load_design as load_design
    from workbench.engines import Engine as Engine
    from workbench.engines import start_engine as start_engine
    from workbench.errors import DesignError as DesignError
    from workbench.errors import EngineError as EngineError
    from workbench.errors import NotebookError as NotebookError
    from workbench.errors import RequestError as RequestError
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.expected import Expected as Expected
    from workbench.expected import expected_units as expected_units
    from workbench.findings import Finding as Finding
    from workbench.findings import Review as Review
    from workbench.items import Items as Items
    from workbench.items import generate_items as generate_items
    from workbench.keyreport import KeyReport as KeyReport
    from workbench.keyreport import key_report as key_report
    from workbench.partitions import item_spread as item_spread
    from workbench.partitions import request_spread as request_spread
    from workbench.regression import record as record
    from workbench.reviews import review as review
    from workbench.runs import Run as Run
    from workbench.runs import run_patterns as run_patterns
    from workbench.sizes import item_size as item_size

_MODULES = ("capacity", "charts", "regression")
_NAMES = {
    "Design": "design",
    "DesignError": "errors",
    "Engine": "engines",
    "EngineError": "errors",
    "Finding": "findings",
    "Expected": "expected",
    "Items": "items",
    "KeyReport": "keyreport",
    "NotebookError": "errors",
    "RequestError": "errors",
    "Review": "findings",
    "Run": "runs",
    "WorkbenchError": "errors",
    "expected_units": "expected",
    "generate_items": "items",
    "index_write_units": "capacity",
    "item_size": "sizes",
    "item_spread": "partitions",
    "key_report": "keyreport",
    "load_design": "designfile",
    "read_units": "capacity",
    "record": "regression",
    "request_spread": "partitions",
    "review": "reviews",
    "run_patterns": "runs",
    "start_engine": "engines",
    "write_units": "capacity",
}
__version__ = "0.1.0"
__all__ = [
    "Design",
    "DesignError",
    "Engine",
    "EngineError",
    "Expected",
    "Finding",
    "Items",
    "KeyReport",
    "NotebookError",
    "RequestError",
    "Review",
    "Run",
    "WorkbenchError",
    "capacity",
    "charts",
    "expected_units",
    "generate_items",
    "index_write_units",
    "item_size",
    "item_spread",
    "key_report",
    "load_design",
    "read_units",
    "record",
    "regression",
    "request_spread",
    "review",
    "run_patterns",
    "start_engine",
    "write_units",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"workbench.{name}")
    if name in _NAMES:
        return getattr(import_module(f"workbench.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}; there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
