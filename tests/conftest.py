"""What every test may use: a hypothesis profile that never flickers, and the shipped designs."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
DESIGNS = ROOT / "notebooks" / "designs"


@pytest.fixture(scope="session")
def designs() -> Path:
    return DESIGNS
