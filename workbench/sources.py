"""Source files: which files of a project are looked at, and which of their lines say something.

A review of files looks for what belongs to a developer's machine and not to production. So it leaves out tests, local
set-ups such as docker-compose files, packages of others, and comments. Nothing in a file is run.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MOST_BYTES = 1024 * 1024
_SUFFIXES = """
.py .js .mjs .cjs .ts .tsx .jsx .java .kt .go .rb .php .cs .rs .scala .sh .env .ini .cfg .conf .toml .yaml .yml .json
.tf .tfvars .hcl .properties .xml
"""
SUFFIXES = frozenset(_SUFFIXES.split())
NAMES = ("Dockerfile", ".env", "Procfile", "config", "credentials")
FOREIGN = {"node_modules", "site-packages", "vendor", "dist", "build", "target", "__pycache__", "cdk.out"}
LOCAL = re.compile(
    r"(?i)(^|[/\\])(tests?|__tests__|spec|specs|e2e|fixtures|mocks?|examples?|\.devcontainer|\.github)[/\\]"
    r"|(^|[/\\])(test_[^/\\]*|[^/\\]*[._-](test|tests|spec|local|dev|development|example|sample)(\.[^/\\]*)?)$"
    r"|(^|[/\\])((docker-)?compose[^/\\]*\.ya?ml|conftest\.py|jest\.config[^/\\]*|package-lock\.json)$"
)
_COMMENT = re.compile(r"^\s*(#|//|\*|/\*|--|;|<!--)")


@dataclass(frozen=True)
class Source:
    """A text file and its name as findings give it."""

    name: str
    text: str

    @cached_property
    def lines(self) -> list[tuple[int, str]]:
        """Numbered lines that are no comments."""
        every = enumerate(self.text.splitlines(), start=1)
        return [(number, line) for number, line in every if line.strip() and not _COMMENT.match(line)]

    def before(self, number: int, count: int = 3) -> str:
        """The `count` lines that say something before a line, joined."""
        earlier = [line for at, line in self.lines if at < number]
        return "\n".join(earlier[-count:])


def read_sources(paths: Iterable[str | Path]) -> list[Source]:
    """The text files at `paths`, folders searched; a file that is named is read, whatever its name.

    FileNotFoundError for a path that is not there.
    """
    return [source for path in paths for source in _below(Path(path))]


def _below(path: Path) -> Iterator[Source]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    if path.is_file():
        yield from _read(path)
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(n for n in names if n not in FOREIGN and (n == ".aws" or not n.startswith(".")))
        for file in (Path(folder) / name for name in sorted(files)):
            if _is_looked_at(file) and not LOCAL.search(str(file.relative_to(path))):
                yield from _read(file)


def _is_looked_at(file: Path) -> bool:
    named = file.name.startswith(("Dockerfile", ".env")) or file.name in NAMES
    return file.is_file() and (named or file.suffix in SUFFIXES)


def _read(file: Path) -> Iterator[Source]:
    if file.stat().st_size <= MOST_BYTES:
        text = file.read_bytes()
        if b"\0" not in text[:1024]:
            yield Source(str(file), text.decode("utf-8", errors="replace"))


def matches(sources: Sequence[Source], pattern: re.Pattern[str]) -> Iterator[tuple[Source, int, str, re.Match[str]]]:
    """Every line that a pattern is found in, once each."""
    for source in sources:
        for number, line in source.lines:
            if found := pattern.search(line):
                yield source, number, line, found
