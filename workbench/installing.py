"""DynamoDB Local's own files: where they are found, and how they are installed once into the user's cache.

They come under AWS's licence and are never part of this package. Two sources: the archive that AWS publishes, of one
date and with its SHA-256 known here, or Maven's central repository, through a `mvn` that is at hand, which checks its
checksums. Everything is made beside its final place and moved there whole: an installation that was interrupted, or
whose download is not what it should be, leaves nothing behind. The sizes of the files are noted, so that a damaged
installation is told and replaced.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import EngineError
from workbench.folders import folder

VERSION = "3.3.1"
ARCHIVE = "https://d1ni2b6xgvw0s0.cloudfront.net/v2.x/dynamodb_local_2026-10-14.tar.gz"
SHA256 = "7a94eb65f81aee270738751a4e5e3e6a7ad02a5d25194f55b83e08ec2ba6342b"
POM = Path(__file__).with_name("java") / "pom.xml"
MAVEN_SECONDS = 900.0
DOWNLOAD_SECONDS = 60.0  # without a byte
OLD_SECONDS = 2 * MAVEN_SECONDS  # after which an unfinished installation was killed
SIZES = "sizes.json"  # of the files as they were installed
INSTALL = "workbench engine install"


@dataclass(frozen=True)
class LocalFiles:
    """DynamoDB Local on this machine: its folder and its version, empty if that is not told."""

    home: Path
    version: str

    @property
    def class_path(self) -> tuple[str, ...]:
        """The entries of Java's class path, the main archive before its libraries."""
        return tuple(str(one / "*") for one in (self.home, self.home / "DynamoDBLocal_lib") if one.is_dir())


def installed_home() -> Path:
    """Where `install` puts DynamoDB Local."""
    return folder("cache") / f"dynamodb-local-{VERSION}"


def find_files() -> LocalFiles:
    """DynamoDB Local from DYNAMODB_LOCAL_HOME, or as `install` left it; EngineError says how to get it."""
    named = os.environ.get("DYNAMODB_LOCAL_HOME")
    home = Path(named).expanduser() if named else installed_home()
    found, lost = read_home(home), damage(home)
    if found and not lost:
        return found
    if found:
        raise EngineError(
            f"DynamoDB Local in {home} is damaged ({lost} is not as it was installed): run `{INSTALL} --force`",
            kind="java",
        )
    if named:
        raise EngineError(
            f"DYNAMODB_LOCAL_HOME is {named}, in which there is no DynamoDBLocal.jar: unpack AWS's archive there, or "
            f"take the variable away and run `{INSTALL}`",
            kind="java",
        )
    raise EngineError(f"DynamoDB Local is not installed (`{INSTALL}` does it once)", kind="java")


def read_home(home: Path) -> LocalFiles | None:
    """What is in a folder with DynamoDB Local, in AWS's layout or as Maven copies it; None if there is nothing."""
    for pattern in ("DynamoDBLocal*.jar", "DynamoDBLocal_lib/DynamoDBLocal*.jar"):
        for jar in sorted(home.glob(pattern)):
            return LocalFiles(home.absolute(), _version(jar))
    return None


def _version(jar: Path) -> str:
    """The version that DynamoDB Local's main archive states; empty if it cannot be read or states none."""
    try:
        with zipfile.ZipFile(jar) as inside:
            said = inside.read("META-INF/maven/software.amazon.dynamodb/DynamoDBLocal/pom.properties")
    except (OSError, KeyError, zipfile.BadZipFile):
        try:
            with zipfile.ZipFile(jar) as inside:
                said = inside.read("META-INF/maven/software/amazon/dynamodb/DynamoDBLocal/pom.properties")
        except (OSError, KeyError, zipfile.BadZipFile):
            return ""
    found = re.search(rb"^version=(\S+)", said, re.MULTILINE)
    return found[1].decode() if found else ""


def install(source: str = "", *, force: bool = False, progress: Callable[[str], object] | None = None) -> LocalFiles:
    """Install DynamoDB Local into the user's cache, if it is not there whole; EngineError leaves nothing behind.

    `source` is "maven" or "archive"; left out, Maven is taken where `mvn` is on the path. `force` installs it anew.
    `progress` is called with lines of text; without it a download shows a bar.
    """
    home = installed_home()
    if not force and (found := read_home(home)) and not damage(home):
        return found
    source = source or ("maven" if shutil.which("mvn") else "archive")
    if source not in SOURCES:
        raise EngineError(f"source {source!r}: DynamoDB Local comes from {' or '.join(SOURCES)}", kind="java")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _sweep(home.parent)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=home.parent, ignore_cleanup_errors=True) as made:
            SOURCES[source](Path(made), progress)
            return _moved(Path(made) / "home", home)
    except OSError as error:
        raise EngineError(f"DynamoDB Local cannot be installed into {home}: {error}; {LEFT}", kind="java") from error


LEFT = "nothing was left behind"


def _moved(made: Path, home: Path) -> LocalFiles:
    """Put what was made where it belongs; another process may have done the same meanwhile."""
    found = read_home(made)
    if not found:
        raise EngineError(f"what was installed has no DynamoDBLocal.jar; {LEFT}", kind="java")
    if found.version not in ("", VERSION):
        raise EngineError(f"what was fetched is DynamoDB Local {found.version}, not {VERSION}; {LEFT}", kind="java")
    (made / SIZES).write_text(json.dumps(_sizes(made)), encoding="utf-8")
    try:
        if home.exists():  # damaged, or to be made anew; it goes with the folder in which the new one was made
            home.rename(made.parent / "replaced")
        made.rename(home)
    except OSError:
        if not read_home(home) or damage(home):
            raise
    return LocalFiles(home.absolute(), found.version)


def _sizes(home: Path) -> dict[str, int]:
    files = (path for path in home.rglob("*") if path.is_file() and path.name != SIZES)
    return {path.relative_to(home).as_posix(): path.stat().st_size for path in files}


def damage(home: Path) -> str:
    """The first file that is missing or has another size than when it was installed; empty if all is well."""
    try:
        noted = json.loads((home / SIZES).read_text(encoding="utf-8"))
    except OSError:
        return ""  # unpacked by hand, or before sizes were noted
    except ValueError:
        return SIZES
    there = _sizes(home)
    return next((name for name, size in noted.items() if there.get(name) != size), "")


def _sweep(cache: Path) -> None:
    """Remove what installations that were killed have left; one that is under way is younger than the longest."""
    for left in cache.glob(".installing-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > OLD_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _from_archive(made: Path, progress: Callable[[str], object] | None) -> None:
    """AWS's archive, verified and unpacked into `made/home`."""
    if progress:
        progress(f"downloading {ARCHIVE}")
    archive = _download(made, bar=progress is None)
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(made / "home", filter="data")
    except tarfile.TarError as error:
        raise EngineError(f"{ARCHIVE} cannot be unpacked: {error}; {LEFT}", kind="java") from error
    _flatten(made / "home")


def _flatten(home: Path) -> None:
    """Archives hold their files in one folder or in none."""
    entries = list(home.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not read_home(home):
        for entry in entries[0].iterdir():
            entry.rename(home / entry.name)


def _download(made: Path, *, bar: bool) -> Path:
    import logging

    import pooch
    import requests

    pooch.get_logger().setLevel(logging.CRITICAL)  # it would tell the hash and the folder on every download
    try:
        downloader: Any = pooch.HTTPDownloader(progressbar=bar, timeout=DOWNLOAD_SECONDS)
        path = pooch.retrieve(ARCHIVE, f"sha256:{SHA256}", "archive.tar.gz", made, downloader=downloader)
    except ValueError as error:  # what pooch raises for another hash
        raise EngineError(
            f"{ARCHIVE} does not have the SHA-256 {SHA256}: the download was tampered with or cut short; {LEFT}. Try "
            f"again, or take `{INSTALL} --source maven`",
            kind="java",
        ) from error
    except (requests.RequestException, OSError) as error:
        raise EngineError(
            f"{ARCHIVE} cannot be downloaded: {error}; {LEFT}. Check the network and HTTPS_PROXY, or take "
            f"`{INSTALL} --source maven`",
            kind="java",
        ) from error
    return Path(path)


def _from_maven(made: Path, progress: Callable[[str], object] | None) -> None:
    """DynamoDB Local and all it needs, as Maven resolves them, in `made/home`."""
    program = shutil.which("mvn")
    if not program:
        raise EngineError(f"no mvn on the path: install Maven, or take `{INSTALL} --source archive`", kind="java")
    if progress:
        progress(f"Maven resolves DynamoDB Local {VERSION} (52 MB), half a minute or so")
    shutil.copy(POM, made / "pom.xml")  # Maven writes beside it
    goal = ["org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime"]
    command = [program, "-B", "-q", "-C", "-f", str(made / "pom.xml"), *goal, f"-DoutputDirectory={made / 'home'}"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAVEN_SECONDS, errors="replace"
        )
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"Maven was not done after {MAVEN_SECONDS:g} s; {LEFT}", kind="java", command=command
        ) from None
    if done.returncode:
        raise EngineError(
            f"Maven could not resolve DynamoDB Local (exit code {done.returncode}); {LEFT}. Check the network and "
            f"Maven's settings, or take `{INSTALL} --source archive`",
            kind="java",
            command=command,
            log=done.stdout + done.stderr,
        )


SOURCES = {"maven": _from_maven, "archive": _from_archive}
