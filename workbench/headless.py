"""Headless: papermill's engine as regression runs need it, where whatever is raised fails the cell.

A notebook in a browser has a front end, which shows what widgets draw and print. Under papermill nbclient plays that
part, and badly: `with Output():` may stall it, and an exception in a callback ends up inside the widget, the notebook
green. Here nobody plays it, so that output and errors belong to the cell. What a thread or a task raises, which no cell
would show at all, is shown by the cell during which it came up. (https://github.com/jupyter/nbclient/issues/312)
"""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.amazon import HEADLESS

if TYPE_CHECKING:
    from papermill.clientwrap import PapermillNotebookClient as HeadlessClient
    from papermill.engines import NBClientEngine as HeadlessEngine

__all__ = ["HeadlessClient", "HeadlessEngine", "kernel_environ"]

# Settings of the user's that would change how a notebook runs; everything that begins with JUPYTER_ goes too.
PERSONAL = {"IPYTHONDIR", "PYTHONSTARTUP", "MPLBACKEND"}


def __getattr__(name: str) -> Any:
    """`HeadlessEngine` and `HeadlessClient`, built when first asked for: papermill's entry point names the first."""
    if name not in ("HeadlessEngine", "HeadlessClient"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import papermill.engines  # noqa: F401 - its import loads the entry point, which leads back here

    return _headless()[name]


@cache
def _headless() -> dict[str, type]:
    from jupyter_client.kernelspec import KernelSpecManager
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine
    from traitlets import Unicode

    class HeadlessClient(PapermillNotebookClient):
        """Runs cells in this very interpreter's kernel, and plays no front end for Output widgets.

        nbclient's imitation of a front end stalls on `with Output():` and hides a callback's exception inside the
        widget; without it their output and errors belong to the cell.
        """

        folder = Unicode(help="Where this run's connection file and IPython's files go.")

        def on_comm_open_jupyter_widget(self, msg: dict[str, Any]) -> None:
            return None

        def create_kernel_manager(self) -> Any:
            self.km = self.kernel_manager_class(
                kernel_name="python3",
                kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # none installed elsewhere by that name
                connection_file=str(Path(self.folder, "kernel.json")),
                config=_kernel_config(),
            )
            return self.km

    class HeadlessEngine(NBClientEngine):
        """papermill's usual engine with `HeadlessClient`, untouched by the user's Jupyter and IPython settings."""

        @classmethod
        def execute_managed_notebook(
            cls,
            nb_man: Any,
            kernel_name: str,
            log_output: bool = False,
            stdout_file: Any = None,
            stderr_file: Any = None,
            start_timeout: int = 60,
            execution_timeout: Any = None,
            **options: Any,
        ) -> Any:
            options.pop("input_path", None)
            options.setdefault("store_widget_state", False)
            streams = {"log_output": log_output, "stdout_file": stdout_file, "stderr_file": stderr_file}
            limits = {"timeout": execution_timeout, "startup_timeout": start_timeout}
            with tempfile.TemporaryDirectory(prefix="workbench-", ignore_cleanup_errors=True) as folder:
                _watch(Path(folder))
                client = HeadlessClient(nb_man, folder=folder, **streams, **limits, **options)
                return client.execute(env=kernel_environ(folder))

    return {"HeadlessEngine": HeadlessEngine, "HeadlessClient": HeadlessClient}


def _kernel_config() -> Any:
    """Kernels complain on every start about a connection without encryption, so it gets some where it can."""
    import zmq
    from traitlets.config import Config

    return Config({"KernelManager": {"transport_encryption": "auto"}} if zmq.has("curve") else {})


def kernel_environ(folder: str) -> dict[str, str]:
    """The environment variables of a kernel whose Jupyter and IPython files are in this folder."""
    kept = {k: v for k, v in os.environ.items() if k not in PERSONAL and not k.startswith("JUPYTER_")}
    places = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"), folder)
    return {
        **kept,
        **places,
        HEADLESS: "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }  # else the debugger warns about Python itself


def _watch(ipython: Path) -> None:
    """Let a kernel whose IPython folder this is tell what is raised where no cell would show it."""
    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("templates") / "headless_startup.py", startup / "00_headless.py")
