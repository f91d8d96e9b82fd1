"""Emulators that need neither Docker nor Java: the pip-installed one, and a binary on the path."""

import importlib.metadata
import re
import shutil
import subprocess

from workbench.engine import ADOPT_SECONDS, Engine
from workbench.errors import EngineError
from workbench.processes import GUARD, WATCH, Child, locked
from workbench.starting import Options, start_process

_MINISTACK = (1, 5, 33)  # older ones lack 1 MB pages, and pip falls back to them when botocore does not fit
_INSTALL = "pip install 'dynamodb-workbench[local]', in a checkout: pip install -e '.[local]'"

_MINISTACK_PROGRAM = f"""{WATCH}
def end():
    try:
        sweep()
    finally:
        os._exit(0)

watch(end)
import socket  # a taken port ends this process at once, long before the engine would find out
socket.create_server(("127.0.0.1", int(os.environ["GATEWAY_PORT"]))).close()
sys.path += [p for p in os.environ["WORKBENCH_PATH"].split(os.pathsep) if p not in sys.path]
import ministack.app
ministack.app._collect_scripts = lambda *folders: []  # it would run scripts that lie in a system folder
ministack.app.main()
"""
_HARDENED = {
    "BIND_HOST": "127.0.0.1",
    "SERVICES": "dynamodb,dynamodbstreams",
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "DOCKER_HOST": "unix:///nonexistent",  # it would remove containers that bear its label
    "LOG_LEVEL": "WARNING",
}


def embedded(options: Options) -> Engine:
    """The emulator that comes with the package's `local` extra, hardened."""
    if options.persist:
        raise EngineError(
            f"the embedded engine keeps nothing, so that persist={options.persist!r} cannot be: "
            "docker, java and dynoxide can",
            kind="embedded",
        )
    try:
        version = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise EngineError(f"the embedded engine is not installed: {_INSTALL}", kind="embedded") from None
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < _MINISTACK:
        need = ".".join(map(str, _MINISTACK))
        raise EngineError(f"ministack {version} is too old, {need} is needed: {_INSTALL}", kind="embedded")

    def launch(port: int) -> Child:
        settings = _HARDENED | {"GATEWAY_PORT": str(port)}
        return Child(_MINISTACK_PROGRAM, settings=settings, resident=options.resident)

    return start_process("embedded", f"ministack {version}", launch, options)


def dynoxide(options: Options) -> Engine:
    """The `dynoxide` binary on the path."""
    path = shutil.which("dynoxide")
    if not path:
        raise EngineError("no dynoxide on the path", kind="dynoxide")
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ADOPT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{path} does not run: {error}", kind="dynoxide") from error
    kept = options.data_folder("dynoxide")
    database = ("--db-path", str(kept / "dynoxide.db")) if kept else ()

    def launch(port: int) -> Child:
        command = (path, "--host", "127.0.0.1", "--port", str(port), *database)
        return Child(GUARD, command, locked(kept), options.resident)

    return start_process("dynoxide", said.stdout.strip(), launch, options)
