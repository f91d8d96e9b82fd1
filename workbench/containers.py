"""DynamoDB Local in Docker: the pinned image, a labelled container on a free loopback port, removed with its parent.

Docker knows nothing of the notebook that started a container, so a guard does: a small process that waits until its
parent ends, however that may be, and then removes the container. What a guard could not remove, because the machine or
the daemon went first, the next start finds by its label.
"""

import contextlib
import os
import platform
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.daemon import IMAGE, OTHERS, check_image, connect, daemon_url, refusals
from workbench.engine import Engine
from workbench.errors import EngineError
from workbench.java import FLAGS, OPTIONS
from workbench.processes import WATCH, Child, is_alive
from workbench.starting import Options, taken

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

PORT = "8000/tcp"
LABEL = "dynamodb-workbench"

_GUARD = f"""{WATCH}
sys.path += [p for p in os.environ["WORKBENCH_PATH"].split(os.pathsep) if p not in sys.path]

def end():
    try:
        import docker
        client = docker.DockerClient(base_url=sys.argv[1], timeout=30)
        client.api.remove_container(sys.argv[2], force=True, v=True)
    except Exception as problem:
        print(problem, flush=True)
    finally:
        sweep()
        os._exit(0)

watch(end)
threading.Event().wait()
"""


class DockerContainer:
    """A container that runs an engine, and the guard that removes it."""

    def __init__(self, container: "Container", command: tuple[str, ...], guard: Child | None = None):
        self.container, self.command, self.guard = container, command, guard
        self.owner, self._how = os.getpid(), ""

    def ended(self, seconds: float = 0) -> str:
        """How the container ended; empty while it runs. Asks the daemon only if there is time."""
        deadline = time.monotonic() + seconds
        while seconds and not self._how:
            self._how = self._ask()
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return self._how

    def _ask(self) -> str:
        from docker.errors import DockerException, NotFound
        from requests import RequestException

        try:
            self.container.reload()
        except NotFound:
            return "its container was removed"
        except (DockerException, RequestException) as error:
            return f"the Docker daemon does not answer: {error}"
        state = self.container.attrs["State"]
        if state["Status"] in ("created", "running"):
            return ""
        return f"its container is {state['Status']}, exit code {state['ExitCode']}"

    def listens(self) -> set[str]:
        """The loopback address and port on which the container is published."""
        return {f"{one['HostIp']}:{one['HostPort']}" for one in self.container.ports.get(PORT) or ()}

    def log_tail(self, lines: int) -> str:
        """The container's last lines."""
        from docker.errors import DockerException
        from requests import RequestException

        with contextlib.suppress(DockerException, RequestException):
            return self.container.logs(tail=lines).decode(errors="replace").rstrip()
        return ""

    def end(self) -> None:
        """Remove the container; if the daemon does not answer, the guard and the next start try again."""
        from docker.errors import DockerException
        from requests import RequestException

        if os.getpid() != self.owner:
            return
        removed = False
        with contextlib.suppress(DockerException, RequestException):
            self.container.remove(force=True, v=True)
            removed = True
        if self.guard:
            if removed:
                self.guard.process.kill()
            self.guard.end()
        self.close()

    def close(self) -> None:
        """Let the daemon's connection go, and nothing else."""
        if client := self.container.client:
            client.close()


def docker(options: Options) -> Engine:
    """DynamoDB Local in a container; the image is pulled if it is not here."""
    return _contained(options, pull=True)


def docker_at_hand(options: Options) -> Engine:
    """DynamoDB Local in a container, if the daemon answers and the image is here."""
    try:
        return _contained(options, pull=False)
    except EngineError as error:
        if not error.message.endswith(f", {OTHERS}"):
            raise
        reason = error.message.rpartition(": ")[0]  # the advice is for those who asked for Docker
        raise EngineError(reason, kind="docker") from None


def _contained(options: Options, *, pull: bool) -> Engine:
    where = daemon_url()
    client = connect(where)
    try:
        with refusals(f"the Docker daemon at {where}"):
            check_image(client, where, options, pull=pull)
            _sweep(client)
            options.say(f"starting {IMAGE} in Docker")
            server = _run(client, where, options)
            try:
                (address,) = server.listens()
                engine = Engine("docker", f"http://{address}", IMAGE, options.connections, server)
                engine.wait(options.timeout)
            except BaseException:
                server.end()
                raise
    except BaseException:
        client.close()
        raise
    return engine


def _run(client: "DockerClient", where: str, options: Options) -> DockerContainer:
    """The container, started, with its port known; nothing of it is left if that fails."""
    from docker.errors import APIError

    name = f"workbench-{options.persist}" if options.persist else f"workbench-{uuid.uuid4().hex[:12]}"
    command = container_command(persist=bool(options.persist))
    shown = ("docker", "run", "--name", name, IMAGE, *command)
    guard = None if options.resident else Child(_GUARD, (where, name))
    try:
        container = client.containers.create(
            IMAGE, list(command), name=name, detach=True, labels=_labels(options),
            ports=_published(options.port), cap_drop=["ALL"], security_opt=["no-new-privileges"],
            **_volume(options.persist),
        )  # fmt: skip
    except BaseException as error:
        if guard:  # which must not remove a container that is not ours
            guard.process.kill()
            guard.end()
        if isinstance(error, APIError) and error.status_code == 409:
            raise EngineError(_in_use(client, name, options.persist), kind="docker", command=shown) from error
        raise
    server = DockerContainer(container, shown, guard)
    try:
        container.start()
        container.reload()
        if not server.listens():
            raise EngineError(
                f"the container ended at once: {server._ask()}", kind="docker", command=shown, log=server.log_tail(20)
            )
    except BaseException as error:
        server.end()
        if options.port and isinstance(error, APIError) and _is_port_clash(error):
            raise taken("docker", options.port) from error
        raise
    return server


def container_command(*, persist: bool) -> tuple[str, ...]:
    """What the image's `java` is given."""
    data = ("-dbPath", "/data") if persist else ("-inMemory",)
    return (*FLAGS, "-jar", "DynamoDBLocal.jar", *data, *OPTIONS)


def _volume(persist: str) -> dict[str, Any]:
    """A named volume belongs to root, as which the engine must then run to open its database."""
    if not persist:
        return {}
    return {"volumes": {f"workbench-{persist}": {"bind": "/data", "mode": "rw"}}, "user": "root"}


def _published(port: int | None) -> Any:
    """On loopback only; Docker chooses a port where none is asked for."""
    return {PORT: ("127.0.0.1", port)}


def _labels(options: Options) -> dict[str, str]:
    host = {f"{LABEL}.host": platform.node()}
    if options.resident:
        return {LABEL: "resident", f"{LABEL}.home": str(options.resident), **host}
    return {LABEL: f"{os.getpid()}", **host}


def _is_port_clash(error: Exception) -> bool:
    return any(sign in str(error) for sign in ("already allocated", "already in use", "ports are not available"))


def _in_use(client: "DockerClient", name: str, persist: str) -> str:
    """Who has the container with the data of a name."""
    where = client.containers.get(name).ports.get(PORT) or [{}]
    port = where[0].get("HostPort")
    use = f', or use it: start_engine("http://127.0.0.1:{port}")' if port else ""
    return f"the data {persist!r} is in use by the container {name}: end the notebook that started it{use}"


def _sweep(client: "DockerClient") -> None:
    """Remove containers whose owner on this machine is gone."""
    from docker.errors import APIError

    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        owner, host = container.labels.get(LABEL, ""), container.labels.get(f"{LABEL}.host")
        if host == platform.node() and owner.isdigit() and not is_alive(int(owner)):
            with contextlib.suppress(APIError):  # its guard is at it
                container.remove(force=True, v=True)


def attach(where: str, name: str) -> DockerContainer | None:
    """A container that runs already; None if it is gone, EngineError if the daemon does not tell."""
    from docker.errors import NotFound

    with refusals(f"the container {name}"):
        try:
            return DockerContainer(connect(where).containers.get(name), ("docker", "start", name))
        except NotFound:
            return None


def sweep_residents(home: Path) -> None:
    """Remove the containers that starts of `workbench engine start` with this folder have left behind."""
    client = connect(daemon_url())
    with refusals("what an engine's start left in Docker"), contextlib.closing(client):
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}.home={home}"}):
            container.remove(force=True, v=True)
