"""What every test may use: a hypothesis profile that never flickers, the shipped designs, and one engine."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from workbench.engine import Engine
from workbench.engines import start_engine

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")

# A test run that was started in the background inherits an ignored Ctrl-C, and would hand that on to what it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
DESIGNS = ROOT / "notebooks" / "designs"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", default="embedded", help="embedded, dynoxide, or the URL of a running engine")


@pytest.fixture(scope="session")
def designs() -> Path:
    return DESIGNS


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One engine for all tests that need any; each cleans up its tables."""
    with start_engine(request.config.getoption("--engine")) as started:
        yield started
