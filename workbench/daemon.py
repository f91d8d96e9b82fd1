"""Docker's daemon: where it listens, whether it answers, and whether it has the image of DynamoDB Local.

An image is pulled only where that was asked for, with its progress shown. Every refusal of the Docker SDK becomes an
EngineError that says what to do, or which engine needs no Docker.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbench.errors import EngineError
from workbench.starting import Options

if TYPE_CHECKING:
    from docker import DockerClient

IMAGE = "amazon/dynamodb-local:3.3.1"
SOCKET = "/var/run/docker.sock"
DAEMON_SECONDS = 30  # the daemon must answer any request within this
PULL_SECONDS = 120  # and while an image is pulled, say something within this
START_DOCKER = "start Docker Desktop or the docker service"
OTHERS = "or take start_engine('java') or start_engine('embedded'), which need no Docker"


def _unavailable(reason: str, advice: str) -> EngineError:
    """The error that says why Docker cannot be used, and what to do about it."""
    return EngineError(f"{reason}: {advice}, {OTHERS}", kind="docker")


@contextlib.contextmanager
def refusals(what: str) -> Iterator[None]:
    """Whatever the Docker SDK raises as an EngineError."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise EngineError(f"{what}: {getattr(error, 'explanation', None) or error}; {OTHERS}", kind="docker") from error


def daemon_url() -> str:
    """Where the Docker daemon listens: DOCKER_HOST, else the current context of Docker's command, else the socket."""
    where = os.environ.get("DOCKER_HOST") or _context_host() or f"unix://{SOCKET}"
    if where.startswith("unix://"):
        _knock(where.removeprefix("unix://"))
    if (host := urlsplit(where).hostname) and not where.startswith(("unix:", "npipe:")) and not _is_loopback(host):
        raise _unavailable(
            f"Docker's daemon is {where}, on another machine, whose loopback cannot be reached from here",
            f"start {IMAGE} there and give its URL (WORKBENCH_LOCAL_HOSTS must name {host})",
        )
    return where


def _knock(path: str) -> None:
    """EngineError unless something listens on the daemon's socket: quick, before the SDK is loaded."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(DAEMON_SECONDS)
            probe.connect(path)
    except FileNotFoundError:
        raise _unavailable(f"no Docker daemon runs ({path} is missing)", START_DOCKER) from None
    except PermissionError:
        advice = "sudo usermod -aG docker $USER, then log in again"
        raise _unavailable(f"the Docker daemon at {path} does not let this user in", advice) from None
    except OSError as error:
        raise _unavailable(f"the Docker daemon at {path} does not answer ({error.strerror})", START_DOCKER) from None


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _context_host() -> str:
    """The daemon of the context that `docker context use` chose; empty without such a choice."""
    config = Path(os.environ.get("DOCKER_CONFIG", "~/.docker")).expanduser() / "config.json"
    if os.name == "nt":
        return "npipe:////./pipe/docker_engine"
    if not config.exists():
        return ""
    try:
        from docker.context import ContextAPI

        found = ContextAPI.get_current_context()
        return str(found.Host or "") if found else ""
    except Exception:  # a config file of another shape: the socket is left to try
        return ""


def connect(where: str) -> "DockerClient":
    """A client of the daemon, which does answer; EngineError if it does not."""
    try:
        from docker import DockerClient
    except ImportError:
        raise _unavailable(
            "Docker's Python package is not installed", "pip install 'dynamodb-workbench[local]'"
        ) from None
    from docker.errors import DockerException

    try:
        return DockerClient(base_url=where, timeout=DAEMON_SECONDS)
    except DockerException as error:
        raise _unavailable(f"the Docker daemon at {where} does not answer ({_short(error)})", START_DOCKER) from None


def _short(error: Exception) -> str:
    """The innermost reason in the Docker SDK's nested messages."""
    parts = str(error).replace(")", "").replace("(", ", ").split(", ")
    return parts[-1].strip("'\" ") or str(error)


def check_image(client: "DockerClient", where: str, options: Options, *, pull: bool) -> None:
    """EngineError unless the image is here and is one that the daemon can run."""
    from docker.errors import ImageNotFound

    try:
        image = client.images.get(IMAGE)
    except ImageNotFound:
        if not pull:
            raise EngineError(
                f"the image {IMAGE} is not in Docker (start_engine('docker') pulls it)", kind="docker"
            ) from None
        _pull(where, options)
        image = client.images.get(IMAGE)
    daemon = client.version()
    if daemon.get("Os") != image.attrs.get("Os"):
        raise _unavailable(
            f"{IMAGE} is for {image.attrs.get('Os')}, and Docker runs {daemon.get('Os')} containers",
            "switch it to Linux containers",
        )
    if daemon.get("Arch") != image.attrs.get("Architecture"):
        options.say(
            f"{IMAGE} is for {image.attrs.get('Architecture')}, Docker runs {daemon.get('Arch')}: emulated, so slow"
        )


def _pull(where: str, options: Options) -> None:
    """Pull the image, showing how far it is: lines for `progress`, else a bar."""
    from docker import APIClient
    from docker.errors import DockerException
    from requests import RequestException
    from tqdm.auto import tqdm

    options.say(f"pulling {IMAGE}")
    api = APIClient(base_url=where, timeout=PULL_SECONDS)
    try:
        with tqdm(
            desc=f"pulling {IMAGE}", unit="B", unit_scale=True, disable=bool(options.progress), leave=False
        ) as bar:
            done: dict[str, int] = {}
            for line in api.pull(*IMAGE.rsplit(":", 1), stream=True, decode=True):
                if "error" in line:
                    raise EngineError(_unpullable(line["error"]), kind="docker")
                _advance(bar, done, line)
    except (DockerException, RequestException) as error:
        raise EngineError(_unpullable(getattr(error, "explanation", None) or error), kind="docker") from None
    finally:
        api.close()


def _advance(bar: Any, done: dict[str, int], line: Mapping[str, Any]) -> None:
    """Move the bar by what a line of a pull says about one layer."""
    detail = line.get("progressDetail") or {}
    if line.get("status") != "Downloading" or "total" not in detail:
        return
    if line["id"] not in done:
        bar.total = (bar.total or 0) + detail["total"]
    bar.update(detail["current"] - done.get(line["id"], 0))
    done[line["id"]] = detail["current"]


def _unpullable(reason: object) -> str:
    return (
        f"the image {IMAGE} is not here and cannot be pulled: {reason}. Check Docker's network and proxy; an image "
        f"from a mirror will do, tagged: docker tag MIRROR/dynamodb-local:3.3.1 {IMAGE}; {OTHERS}"
    )
