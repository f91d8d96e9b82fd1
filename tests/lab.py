"""JupyterLab in a browser: a Lab with an empty home on a free port of loopback, and a page of Chromium that drives it.

A Lab is started in a copy of the notebooks, so that what it saves by itself changes nothing here. A "Run All" before
the kernel is connected is lost without a word, therefore the page waits for the session and then runs the command of
Lab's own, which answers when the last cell has run. Needs Chromium and the extra `browser`; `missing()` says which is
not there.
"""

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

from workbench.processes import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
NAMES = ("chromium", "chromium-browser", "google-chrome")
SETTINGS = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # else a cell out of sight is not drawn
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
NEWS = ("@jupyterlab/apputils-extension:announcements",)  # a dialogue over the first notebook
STARTS_WITHIN, WAITS = 60, 60  # seconds
ERROR_OUTPUT = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
OUTPUT_TEXTS = ".jp-RenderedHTMLCommon.jp-OutputArea-output :is(td, th, b, li, p, summary, div)"
CONTRASTS = """([selector, least]) => {
    const parts = text => text.match(/[\\d.]+/g).map(Number);
    const linear = part => part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const colour = parts(getComputedStyle(one).backgroundColor);
            if (colour[3] !== 0) return colour;
        }
        return [255, 255, 255];
    };
    const contrast = one => {
        const [dark, light] = [parts(getComputedStyle(one).color), behind(one)].map(luminance).sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const own = one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    return [...document.querySelectorAll(selector)].filter(one => own(one) && contrast(one) < least)
        .map(one => `${contrast(one).toFixed(2)}: ${one.innerText.slice(0, 60)}`);
}"""
SCROLLED, MOST_PIXELS = ".jp-WindowedPanel-outer", 16_000


def missing() -> str:
    """Why no browser can be driven here; "" if one can."""
    if importlib.util.find_spec("playwright") is None:
        return "needs the extra `browser` (pip install -e .[browser])"
    return "" if chromium() else "needs Chromium (apt-get install chromium)"


def chromium() -> str:
    """The path of the browser; "" if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), "")


# The server -----------------------------------------------------------------------------------------------------------


class Lab(NamedTuple):
    """A running JupyterLab: where it answers, with which token, and the folder that it shows."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """Where a notebook of the folder opens, in a workspace without any other."""
        return f"{self.url}/lab/tree/{notebook}?reset&token={self.token}"


@contextmanager
def running_lab(home: Path) -> Iterator[Lab]:
    """JupyterLab over a copy of the notebooks in `home/notebooks`, stopped with its kernels at the end."""
    folder = home / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    port, token = free_port(), secrets.token_hex(16)
    lab = Lab(f"http://127.0.0.1:{port}", token, folder)
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command(lab, port), cwd=folder, env=environ(home), stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        wait_until_it_answers(lab, server, home / "lab.log")
        yield lab
    finally:
        server.terminate()
        server.wait(30)


def command(lab: Lab, port: int) -> list[str]:
    """The command line of the server; `root` needs to be allowed by name."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": lab.folder,
        "IdentityProvider.token": lab.token,
        "LabApp.expose_app_in_browser": True,
    }
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    given = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyterlab", "--no-browser", *as_root, *given]


def environ(home: Path) -> dict[str, str]:
    """The environment of a user who has set nothing but `SETTINGS`; the home is empty but for those."""
    for name, settings in SETTINGS.items():
        extension, _, plugin = name.partition(":")
        write_json(home / "settings" / extension / f"{plugin}.jupyterlab-settings", settings)
    write_json(home / ".jupyter" / "labconfig" / "page_config.json", {"disabledExtensions": dict.fromkeys(NEWS, True)})
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "WORKBENCH", "MPL"))}
    return kept | {
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "WORKBENCH_HOME": str(home / "engines"),
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def wait_until_it_answers(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    """AssertionError with the end of its log if the server ends, or does not answer within a minute."""
    until = time.monotonic() + STARTS_WITHIN
    while server.poll() is None and time.monotonic() < until:
        try:
            with urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer at {lab.url}; its log ends:\n{log.read_text()[-2000:]}")


# The page -------------------------------------------------------------------------------------------------------------


@contextmanager
def browser_page(width: int = 1280, height: int = 900) -> "Iterator[Page]":
    """A page of a headless Chromium of our own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(1000 * WAITS)
            yield page
        finally:
            browser.close()


def open_notebook(page: "Page", lab: Lab, notebook: str) -> None:
    """Open a notebook of Lab's folder and wait until its kernel is connected and idle."""
    page.goto(lab.address(notebook))
    page.wait_for_function(f"""() => {{
        const panel = window.jupyterapp?.shell.currentWidget, session = panel?.sessionContext;
        return panel?.context?.path === {json.dumps(notebook)} && session?.isReady
            && session.session?.kernel?.connectionStatus === 'connected' && session.session.kernel.status === 'idle';
    }}""")


def run_all(page: "Page", within: float = 120) -> None:
    """Run all cells, and wait until the last has run and the page has drawn what it gave."""
    page.evaluate("() => { window.ran = window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => 1) }")
    page.wait_for_function("() => window.ran", timeout=1000 * within)
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )
    page.wait_for_timeout(500)


def cells(page: "Page") -> list[dict[str, Any]]:
    """The cells of the open notebook as nbformat writes them, with their outputs."""
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells")


def errors(page: "Page") -> list[str]:
    """What the cells raised, and what widgets wrote to the places where errors are shown, as text."""
    raised = [
        f"{output['ename']}: {output['evalue']}"
        for cell in cells(page)
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]
    return raised + page.locator(ERROR_OUTPUT).all_inner_texts()


def pictures(page: "Page") -> list[dict[str, Any]]:
    """The pictures among the outputs: their alt text and width on the page."""
    return page.eval_on_selector_all(
        ".jp-OutputArea-output img", "found => found.map(one => ({alt: one.alt, width: one.width}))"
    )


def cut_off(page: "Page") -> list[str]:
    """Tables that are wider than the place where they stand, unless they scroll there: by how much, how they begin."""
    return page.eval_on_selector_all(
        ".jp-OutputArea-output table",
        """tables => tables.filter(one => getComputedStyle(one.parentElement).overflowX !== "auto").map(one => {
            const place = one.closest(".jp-OutputArea-output");
            return [one.getBoundingClientRect().right - place.getBoundingClientRect().right, one];
        }).filter(([over]) => over > 1).map(([over, one]) => `${over} px: ${one.innerText.slice(0, 60)}`)""",
    )


def faint_texts(page: "Page", least: float) -> list[str]:
    """Texts of outputs with less contrast to what is behind them than `least`, as WCAG 2 reckons it."""
    return page.evaluate(CONTRASTS, [OUTPUT_TEXTS, least])


def use_theme(page: "Page", theme: str) -> None:
    """Change Lab's theme to `light` or `dark`."""
    name = json.dumps({"theme": THEMES[theme]})
    page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {name})")
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{str(theme == 'light').lower()}'")
    page.wait_for_timeout(500)


def screenshot(page: "Page", name: str) -> Path:
    """The whole open notebook as `build/screenshots/NAME.png`, in a window as tall as it takes; scaled back after."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size or {"width": 1280, "height": 900}
    tall = max(page.eval_on_selector_all(".jp-Cell", "found => found.map(one => one.offsetTop + one.offsetHeight)"))
    page.set_viewport_size({"width": before["width"], "height": min(int(tall) + 150, MOST_PIXELS)})
    page.evaluate(f"() => document.querySelectorAll({json.dumps(SCROLLED)}).forEach(one => one.scrollTo(0, 0))")
    page.wait_for_timeout(500)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    page.set_viewport_size(before)
    return path
