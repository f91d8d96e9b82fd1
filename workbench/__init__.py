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
    from workbench import gates as gates
    from workbench import regression as regression
    from workbench import whatif as whatif
    from workbench.briefs import Brief as Brief
    from workbench.briefs import brief as brief
    from workbench.capacity import index_write_units as index_write_units
    from workbench.capacity import read_units as read_units
    from workbench.capacity import write_units as write_units
    from workbench.collection_view import ItemCollections as ItemCollections
    from workbench.collection_view import item_collections as item_collections
    from workbench.comparison import Comparison as Comparison
    from workbench.comparison import compare as compare
    from workbench.costs import Cost as Cost
    from workbench.costs import estimate_cost as estimate_cost
    from workbench.design import Design as Design
    from workbench.designfile import load_design as load_design
    from workbench.designfile import parse_design as parse_design
    from workbench.diagnosis import diagnose as diagnose
    from workbench.engine import Engine as Engine
    from workbench.engines import start_engine as start_engine
    from workbench.entries import IndexSchema as IndexSchema
    from workbench.errors import DesignError as DesignError
    from workbench.errors import EngineError as EngineError
    from workbench.errors import NotebookError as NotebookError
    from workbench.errors import RequestError as RequestError
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.exercises import Check as Check
    from workbench.exercises import check_exercise as check_exercise
    from workbench.exercises import hint as hint
    from workbench.expected import Expected as Expected
    from workbench.expected import expected_units as expected_units
    from workbench.exploring import Explorer as Explorer
    from workbench.exploring import explorer as explorer
    from workbench.findings import Finding as Finding
    from workbench.findings import Review as Review
    from workbench.gate_results import Regression as Regression
    from workbench.gates import regress as regress
    from workbench.items import Items as Items
    from workbench.items import generate_items as generate_items
    from workbench.keyreport import KeyReport as KeyReport
    from workbench.keyreport import key_report as key_report
    from workbench.lifetimes import Expiry as Expiry
    from workbench.lifetimes import expiry as expiry
    from workbench.migration import diff as diff
    from workbench.partitions import item_spread as item_spread
    from workbench.partitions import request_spread as request_spread
    from workbench.pattern_table import PatternTable as PatternTable
    from workbench.pattern_table import access_pattern_table as access_pattern_table
    from workbench.policies import Policy as Policy
    from workbench.policies import iam_policy as iam_policy
    from workbench.policyreview import review_policy as review_policy
    from workbench.prices import Prices as Prices
    from workbench.prices import load_prices as load_prices
    from workbench.profile import PROFILE as PROFILE
    from workbench.profile import Profile as Profile
    from workbench.proofs import Proof as Proof
    from workbench.proofs import prove_policy as prove_policy
    from workbench.regression import record as record
    from workbench.reviews import review as review
    from workbench.reviews import review_files as review_files
    from workbench.runs import Run as Run
    from workbench.runs import run_patterns as run_patterns
    from workbench.simulation import simulate as simulate
    from workbench.sizes import item_size as item_size
    from workbench.standings import Scoreboard as Scoreboard
    from workbench.standings import scoreboard as scoreboard
    from workbench.summaries import Simulation as Simulation
    from workbench.sweeps import Sweep as Sweep
    from workbench.sweeps import sweep as sweep
    from workbench.trials import Race as Race
    from workbench.trials import Trial as Trial
    from workbench.trials import trial as trial

_MODULES = ("capacity", "charts", "gates", "regression", "whatif")
_NAMES = {
    "Brief": "briefs",
    "Check": "exercises",
    "Comparison": "comparison",
    "Cost": "costs",
    "Design": "design",
    "DesignError": "errors",
    "Engine": "engine",
    "EngineError": "errors",
    "Expected": "expected",
    "Expiry": "lifetimes",
    "Explorer": "exploring",
    "Finding": "findings",
    "ItemCollections": "collection_view",
    "IndexSchema": "entries",
    "Items": "items",
    "KeyReport": "keyreport",
    "NotebookError": "errors",
    "PROFILE": "profile",
    "PatternTable": "pattern_table",
    "Policy": "policies",
    "Prices": "prices",
    "Profile": "profile",
    "Proof": "proofs",
    "Race": "trials",
    "Regression": "gate_results",
    "RequestError": "errors",
    "Review": "findings",
    "Run": "runs",
    "Scoreboard": "standings",
    "Simulation": "summaries",
    "Sweep": "sweeps",
    "Trial": "trials",
    "WorkbenchError": "errors",
    "access_pattern_table": "pattern_table",
    "brief": "briefs",
    "check_exercise": "exercises",
    "compare": "comparison",
    "diagnose": "diagnosis",
    "diff": "migration",
    "estimate_cost": "costs",
    "expected_units": "expected",
    "expiry": "lifetimes",
    "explorer": "exploring",
    "generate_items": "items",
    "hint": "exercises",
    "iam_policy": "policies",
    "index_write_units": "capacity",
    "item_collections": "collection_view",
    "item_size": "sizes",
    "item_spread": "partitions",
    "key_report": "keyreport",
    "load_design": "designfile",
    "load_prices": "prices",
    "parse_design": "designfile",
    "prove_policy": "proofs",
    "read_units": "capacity",
    "record": "regression",
    "regress": "gates",
    "request_spread": "partitions",
    "review": "reviews",
    "review_files": "reviews",
    "review_policy": "policyreview",
    "run_patterns": "runs",
    "scoreboard": "standings",
    "simulate": "simulation",
    "start_engine": "engines",
    "sweep": "sweeps",
    "trial": "trials",
    "write_units": "capacity",
}
__version__ = "0.1.0"
__all__ = [
    "PROFILE",
    "Brief",
    "Check",
    "Comparison",
    "Cost",
    "Design",
    "DesignError",
    "Engine",
    "EngineError",
    "Expected",
    "Expiry",
    "Explorer",
    "Finding",
    "IndexSchema",
    "ItemCollections",
    "Items",
    "KeyReport",
    "NotebookError",
    "PatternTable",
    "Policy",
    "Prices",
    "Profile",
    "Proof",
    "Race",
    "Regression",
    "RequestError",
    "Review",
    "Run",
    "Scoreboard",
    "Simulation",
    "Sweep",
    "Trial",
    "WorkbenchError",
    "access_pattern_table",
    "brief",
    "capacity",
    "charts",
    "check_exercise",
    "compare",
    "diagnose",
    "diff",
    "estimate_cost",
    "expected_units",
    "expiry",
    "explorer",
    "gates",
    "generate_items",
    "hint",
    "iam_policy",
    "index_write_units",
    "item_collections",
    "item_size",
    "item_spread",
    "key_report",
    "load_design",
    "load_prices",
    "parse_design",
    "prove_policy",
    "read_units",
    "record",
    "regress",
    "regression",
    "request_spread",
    "review",
    "review_files",
    "review_policy",
    "run_patterns",
    "scoreboard",
    "simulate",
    "start_engine",
    "sweep",
    "trial",
    "whatif",
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
