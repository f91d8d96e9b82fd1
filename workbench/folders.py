"""Where the workbench keeps what outlives a session, and how it writes files.

Downloads, running engines and the data of named engines lie in the system's own places for a user's cache, state and
data; WORKBENCH_HOME names another folder for all three. A file of results is written whole or not at all.
"""

import os
from errno import EISDIR
from pathlib import Path

APPLICATION = "dynamodb-workbench"


def folder(purpose: str) -> Path:
    """The user's folder for a purpose ("cache", "state" or "data"); it need not exist."""
    if home := os.environ.get("WORKBENCH_HOME"):
        return Path(home).expanduser().absolute() / purpose
    import platformdirs

    return Path(getattr(platformdirs, f"user_{purpose}_dir")(APPLICATION, appauthor=False))


def write_whole(path: Path, text: str) -> None:
    """Write a text file; however the process ends, the file is there whole or as it was."""
    if path.exists() and not path.is_file():  # /dev/stdout, a pipe
        path.write_text(text, encoding="utf-8")
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """OSError if the file cannot be written; nothing is left where there was none."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    is_new = not path.exists()
    path.touch()
    if is_new:
        path.unlink()
