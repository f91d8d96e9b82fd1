"""The DynamoDB modelling workbench: design tables and see what they cost before any production traffic.

    import workbench as wb

    design = wb.load_design("designs/task_board.yaml")
    items = wb.generate_items(design, seed=7)
    with wb.start_engine() as engine:
        run = wb.run_patterns(design, engine, items)
    wb.charts.capacity(run)

Importing it loads nothing heavy: each name below is loaded from its module when it is first used.

The public names; a command has the name of its function, but where another stands beside it:

Designs
    load_design           a design from a YAML file
    parse_design          a design from YAML text
    Design                tables, fields, entities and access patterns
    access_pattern_table  each access pattern with its key, cost and what stands against it (`workbench patterns`)
    PatternTable          its lines, with the review behind them
    diff                  what a change of a design means in production
    brief                 a page for whoever writes the application
    Brief                 the page, and each access pattern as code
Items
    generate_items        the items of a design, by seed and clock
    Items                 items by entity, as columns until asked for
    item_collections      a table or index as its item collections
    ItemCollections       some of them, and how many there are
    item_size             bytes of an item
    expiry                what TTL makes of an item
    Expiry                live, expired or never, and why
Engines and runs
    start_engine          a local DynamoDB that answers
    Engine                where it listens, clients for it, its end
    run_patterns          load the items, call each access pattern, meter each call (`workbench run`)
    Run                   calls, units by table and index, latency
    trial                 requests of one access pattern, sent once or by several writers
    Trial                 those requests, and the engine with their items
    Race                  what several writers did at once
Capacity
    expected_units        units of each access pattern, without an engine (`workbench capacity`)
    Expected              units per call and per second of each pattern
    read_units            read units of one item
    write_units           write units of one item
    index_write_units     write units that an index takes
    IndexSchema           what decides the entries of an index
    capacity              the module of these: pages, transactions, explanations
Partitions
    item_spread           items by partition key and partition
    request_spread        requests by partition key and partition
    key_report            how good the partition keys are, and what they sustain (`workbench keys`)
    KeyReport             the analysis and verdict of each table and index
    simulate              partitions through time: throttling, splits, burst
    Simulation            rings of partitions and patterns through time
    diagnose              a simulation in sentences
    keyed                 a bare workload: shares of keys and a rate, without a design
    ceilings              the module of closed forms: shares throttled, shards needed
    sweep                 simulations of many parameters and seeds
    Sweep                 scenarios with bands over their seeds
    whatif                the module of questions about a design: shards, warm throughput, other keys
    PROFILE               the rules and parameters of the partition model
    Profile               the type of it
Review
    review                findings about a design, with evidence and fixes
    review_files          findings about code and configuration
    Review                findings, worst first
    Finding               one thing to look at: code, place, evidence, fix
Cost
    estimate_cost         what a design costs in a month (`workbench cost`)
    Cost                  its lines by pattern, table and index
    load_prices           a price list (`workbench prices`)
    Prices                prices by name, with date and source
Policies
    iam_policy            the least that a role needs (`workbench policy`)
    Policy                the document, its proof, and what it does not grant
    review_policy         findings about a policy
    prove_policy          what a policy allows and denies
    Proof                 each request with what was decided
Comparison
    compare               designs side by side under one load
    Comparison            patterns and totals of each design
Regression
    record                a notebook's results, at its end
    regress               run notebooks, hold their results against baselines
    Regression            an outcome for each notebook and set of parameters
    regression            the module that runs a notebook headless
    gates                 the module of the gate
Notebooks
    charts                the module of charts: records in, `Axes` out
    captioned             a frame as results show theirs, with a caption
    explorer              knobs on a design and what they come to
    Explorer              the knobs and what they show
    check_exercise        try an answer of the workshop
    Check                 what is still wrong with an answer
    hint                  the next hint of an exercise
    scoreboard            who solved what
    Scoreboard            participants and exercises
Errors
    WorkbenchError        the parent of the four below
    DesignError           a design contradicts itself
    EngineError           an engine could not be started, reached or stopped
    RequestError          DynamoDB refused a request
    NotebookError         a notebook failed, or its results moved
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import capacity as capacity
    from workbench import ceilings as ceilings
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
    from workbench.results import captioned as captioned
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
    from workbench.workload import keyed as keyed

_MODULES = ("capacity", "ceilings", "charts", "gates", "regression", "whatif")
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
    "captioned": "results",
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
    "keyed": "workload",
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
    "captioned",
    "ceilings",
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
    "keyed",
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
