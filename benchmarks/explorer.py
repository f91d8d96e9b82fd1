"""The explorer in a real kernel: from the move of a slider to the last message that shows what it comes to.

A design has 100,000 partition keys. A client plays the front end: it sends a widget's new value as a browser does, and
reads the messages of the kernel until it is idle again. What counts is the time between the message that the kernel
began with the move and the last one that updates the panel, pictures included, against the 300 ms after which a drag
feels slow; and how long after the last move the full simulation is shown, against 2 s.
"""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median
from typing import Any

from benchmarks.ratios import Fact, Ratio

KEYS = 100_000
LIMIT_S, REST_S = 0.3, 2.0
MOVES: dict[str, tuple[Any, ...]] = {  # where the front end's sliders and menus go, one knob after the other
    "rate": (500, 900, 2_000, 4_000, 8_000, 5_000),
    "skew": (0.2, 0.4, 0.6, 0.8, 1.0, 1.2),
    "size": (500, 1_000, 2_000, 4_000, 2_500, 1_500),
    "consistency": ("strong", "eventual", "strong", "eventual", "strong", "eventual"),
    "cardinality": (90_000, 80_000, 70_000, 60_000, 50_000, 45_000),
}
DESIGN = """
name: sessions
tables: {{Sessions: {{partition_key: PK, sort_key: SK}}}}
fields:
  user: {{count: {keys}, popularity: zipf(1.1)}}
  session: {{per: user, count: 1, type: uuid}}
entities:
  Session: {{key: {{PK: "USER#{{user}}", SK: "SESSION#{{session}}"}}}}
access_patterns:
  open-session: {{operation: PutItem, rate: 500/s}}
  list-sessions: {{operation: Query, key_condition: PK = :PK, rate: 1_000/s, peak: 4_000/s}}
"""
SETUP = """
import workbench as wb
from workbench.designfile import parse_design
explorer = wb.explorer(parse_design({text!r}), pattern="list-sessions")
explorer.panel.settle()

def places(knob):
    return [one[-1] if isinstance(one, tuple) else one for one in knob.options]
"""


def measure(rounds: int = 6) -> Iterator[Ratio | Fact]:
    """Seconds of the moves as a multiple of 0.3 s, and of the simulation after the last as a multiple of 2 s."""
    with kernel() as client:
        _run(client, SETUP.format(text=DESIGN.format(keys=KEYS)))
        knobs = "{name: (knob.model_id, places(knob)) for name, knob in explorer.panel.knobs.items()}"
        knobs = _run(client, "explorer", knobs)
        found = {name: [_timed(client, knobs[name], v) for v in values[:rounds]] for name, values in MOVES.items()}
        rest = _rest(client)
    every = [each for moves in found.values() for each in moves]
    name = f"a move of the explorer, {KEYS:,} keys"
    yield Ratio(f"{name} : {LIMIT_S} s", tuple(seconds / LIMIT_S for seconds, _ in every), at_most=1.0)
    yield Ratio(f"{name}, processor time : {LIMIT_S} s", tuple(used / LIMIT_S for _, used in every), at_most=1.0)
    yield Ratio(f"the simulation after the last move : {REST_S:g} s", (rest / REST_S,), at_most=1.0)
    for name, moves in found.items():
        seconds, used = (1000 * median(each) for each in zip(*moves, strict=True))
        yield Fact(f"the explorer's {name}, a move", f"{seconds:,.0f} ms, {used:,.0f} of the processor")


_QUIET: dict[str, Any] = {"transport_encryption": "auto"}


@contextmanager
def kernel() -> Iterator[Any]:
    """The client of a kernel of this interpreter, which ends with it."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), **_QUIET)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _run(client: Any, code: str, expression: str = "None") -> Any:
    """The value of an expression after some code was run."""
    reply = client.execute(code, user_expressions={"found": expression}, reply=True, timeout=300)["content"]
    if reply["status"] != "ok":
        raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
    _drain(client)
    return eval(reply["user_expressions"]["found"]["data"]["text/plain"], {})


def _timed(client: Any, knob: tuple[str, list[Any]], value: Any) -> tuple[float, float]:
    """Seconds of a move, and those of the processor that the kernel's main thread took for it."""
    model, places = knob
    before = _run(client, "import time", "time.thread_time()")
    seconds = _move(client, model, places.index(value))
    return seconds, _run(client, "", "time.thread_time()") - before


def _drain(client: Any) -> None:
    try:
        while True:
            client.get_iopub_msg(timeout=0.05)
    except queue.Empty:
        return


def _move(client: Any, model: str, place: int) -> float:
    """Seconds from the kernel's beginning with a new place on a slider to the last update that follows from it."""
    data = {"method": "update", "state": {"index": place}, "buffer_paths": []}
    message = client.session.msg("comm_msg", {"comm_id": model, "data": data})
    client.shell_channel.send(message)
    begun = last = None
    while True:
        got = client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if got["header"]["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
            break
        begun = begun or _date(got)
        last = _date(got)
    assert begun and last and last > begun, "the move changed nothing"
    return (last - begun).total_seconds()


def _rest(client: Any) -> float:
    """Seconds until the kernel shows the simulation."""
    begun = time.perf_counter()
    while "Heat map of" not in str(client.get_iopub_msg(timeout=60)["content"]):
        pass
    return time.perf_counter() - begun


def _date(message: Any) -> datetime:
    return message["header"]["date"]
