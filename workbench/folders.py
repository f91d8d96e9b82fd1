"""Where the workbench keeps what outlives a session: downloads, running engines, and the data of named engines.

The places are the system's own for a user's cache, state and data; WORKBENCH_HOME names another folder for all three.
"""

import os
from pathlib import Path

APPLICATION = "dynamodb-workbench"


def folder(purpose: str) -> Path:
    """The user's folder for a purpose ("cache", "state" or "data"); it need not exist.

    >>> folder("cache").name
    'dynamodb-workbench'
    """
    if home := os.environ.get("WORKBENCH_HOME"):
        return Path(home).expanduser().absolute() / purpose
    import platformdirs

    return Path(getattr(platformdirs, f"user_{purpose}_dir")(APPLICATION, appauthor=False))
