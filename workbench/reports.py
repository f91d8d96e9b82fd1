"""What a notebook showed, for people without Jupyter: one HTML file, and its charts as PNG files.

A report is read from a mail or a CI artefact: it holds text, parameters, tables and pictures with their alt text, runs
no script, fetches nothing, and follows the reader's light or dark setting.
See https://nbconvert.readthedocs.io/ and https://www.w3.org/WAI/tutorials/images/.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import NotebookError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from workbench.regression import NotebookRun

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
TEMPLATES = Path(__file__).parent / "templates"


def read_notebook(source: Path) -> "NotebookNode":
    """The notebook in a file, in today's format; NotebookError if there is none."""
    import nbformat

    try:
        return nbformat.read(source, as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"no notebook at {source}", notebook=source) from None
    except (ValueError, nbformat.ValidationError) as problem:
        raise NotebookError(f"{source.name} is not a notebook: {problem}", notebook=source) from None


def to_html(executed: "NotebookRun | NotebookNode | str | Path", path: str | Path) -> Path:
    """Write an executed notebook's text, parameters and outputs as one HTML file; the path is returned.

    The file needs nothing else: no script, no network; pictures are inside, with their alt text.
    """
    from nbconvert import HTMLExporter

    notebook = _without_live_parts(_notebook(executed))
    exporter = HTMLExporter(
        template_name="report", extra_template_basedirs=[str(TEMPLATES)], embed_images=True, exclude_anchor_links=True
    )
    origin = notebook.metadata.get("papermill", {}).get("input_path") or "notebook"
    page, _ = exporter.from_notebook_node(
        notebook, {"metadata": {"name": _title(notebook, Path(origin).stem), "path": str(Path(origin).parent)}}
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_offline(page), encoding="utf-8")
    return target


def _notebook(executed: "NotebookRun | NotebookNode | str | Path") -> "NotebookNode":
    place: Any = getattr(executed, "output", executed)
    return read_notebook(Path(place)) if isinstance(place, str | Path) else place


def _without_live_parts(notebook: "NotebookNode") -> "NotebookNode":
    """A copy without widgets, which need a kernel, and with each progress line as it stood at the end."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        outputs = [one for one in cell.get("outputs", ()) if WIDGET_MIME not in one.get("data", {})]
        for stream in (one for one in outputs if one.output_type == "stream"):
            stream.text = re.sub(r"[^\n]*\r(?!\n)", "", stream.text)
        if cell.cell_type == "code":
            cell.outputs = outputs
    return copy


def _title(notebook: "NotebookNode", default: str) -> str:
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next((found[1] for text in texts if (found := re.search(r"^# +(.+)$", text, re.MULTILINE))), default)


def _offline(page: str) -> str:
    """The page without scripts, frames and anything that a browser would fetch."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    for tag in soup(["script", "link", "iframe", "object", "embed"]):
        tag.decompose()
    for tag in soup.select("[src]:not([src^='data:'])"):
        tag.replace_with(f"[picture not in this file: {tag.get('alt') or tag['src']}]")
    return str(soup)


def save_charts(executed: "NotebookRun | NotebookNode | str | Path", folder: str | Path) -> list[Path]:
    """Write the pictures of an executed notebook as PNG files into a folder, and return their paths in order.

    A file is named by the output's metadata `workbench.chart`, else by its alt text, else by its cell.
    """
    target, paths = Path(folder), []
    target.mkdir(parents=True, exist_ok=True)
    for number, cell in enumerate(_notebook(executed).cells, start=1):
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                paths.append(_free(target, _chart_name(output.metadata, number), paths))
                paths[-1].write_bytes(base64.b64decode("".join(picture)))
    return paths


def _chart_name(metadata: Mapping[str, Any], number: int) -> str:
    """The words that name a picture, fit for a file.

    >>> _chart_name({"image/png": {"alt": "Partition 7 takes 42 % of all writes, and more"}}, 3)
    'partition-7-takes-42-of-all'
    """
    chart = metadata.get("workbench", {}).get("chart")
    words = re.findall(r"[a-z0-9_]+", (chart or metadata.get("image/png", {}).get("alt", "")).lower())
    return "-".join(words if chart else words[:6]) or f"cell-{number:02d}"


def _free(folder: Path, name: str, taken: Sequence[Path]) -> Path:
    candidates = (folder / f"{name}{suffix}.png" for suffix in ["", *(f"-{n}" for n in range(2, len(taken) + 3))])
    return next(path for path in candidates if path not in taken)
