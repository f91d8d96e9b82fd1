"""What people see: JupyterLab in Chromium, in both themes; pictures of it all are kept in `build/screenshots`."""

import re
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests import lab
from tests.exhibits import EXHIBITS
from tests.lab import ROOT, THEMES, Lab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(lab.missing()), reason=lab.missing() or "there is a browser"),
]
WIDTHS = (1280, 1600)  # pixels of a laptop's window, and of a larger one
READABLE = 4.5  # contrast of text, WCAG 2.2, 1.4.3
GALLERY = f"""\
import sys
sys.path.insert(0, {str(ROOT)!r})
import workbench as wb
from tests.exhibits import EXHIBITS, Source
kinds = {{kind.__name__: make for kind, make in EXHIBITS.items()}}
engine = wb.start_engine("embedded")
source = Source(wb.generate_items(wb.load_design("designs/task_board.yaml")), engine)
source.run.loaded"""


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Lab]:
    with lab.running_lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def page():
    with lab.browser_page() as opened:
        yield opened


def written(running: Lab, name: str, *cells: str) -> str:
    """A notebook with these cells in Lab's folder."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=list(map(new_code_cell, cells)), metadata=kernel), running.folder / name)
    return name


def ran(page, running: Lab, notebook: str) -> None:
    """Open a notebook, run all of it, and hold that nothing failed and all of it ran."""
    lab.open_notebook(page, running, notebook)
    lab.run_all(page)
    assert lab.errors(page) == []
    assert all(cell["execution_count"] for cell in lab.cells(page) if cell["cell_type"] == "code" and cell["source"])


def looked_at(page, name: str) -> None:
    """Screenshots in each theme and width, after holding that text can be read and nothing is cut off."""
    for theme in THEMES:
        lab.use_theme(page, theme)
        assert lab.faint_texts(page, READABLE) == [], theme
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(300)
            assert lab.cut_off(page) == [], f"{width} pixels"
            lab.screenshot(page, f"{name}-{theme}-{width}")


def charts_speak(page) -> None:
    """Every picture has an alt text, and that tells the finding."""
    pictures = lab.pictures(page)
    assert len(pictures) >= 3
    assert [picture for picture in pictures if not re.search(r"\w+ .*\d", picture["alt"])] == []


def test_the_quickstart_runs_and_is_legible_in_both_themes_and_its_charts_have_alt_texts(page, running):
    ran(page, running, "01_quickstart.ipynb")
    charts_speak(page)
    looked_at(page, "01_quickstart")


def test_every_result_is_legible_in_both_themes(page, running):
    shown = [f"kinds[{kind.__name__!r}](source)" for kind in EXHIBITS]
    ran(page, running, written(running, "results.ipynb", GALLERY, *shown, "engine.stop()"))
    assert page.locator("mjx-container").count() == 0, "two dollar signs are no formula"
    looked_at(page, "results")


def test_hot_partitions_does_too_and_a_slider_moved_by_keyboard_changes_sentence_and_charts(page, running):
    ran(page, running, "09_hot_partitions.ipynb")
    before = explorer_shows(page)
    charts_speak(page)
    looked_at(page, "09_hot_partitions")
    assert spoken(page)["Shards"] == "1" and spoken(page)["Rate"] == "30/s", "as the design has it"
    page.get_by_role("button", name="Pin as before").click()
    slider(page, "Shards").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(OTHERS_ARE_SHOWN, arg=before)
    assert spoken(page)["Shards"] == "3"
    assert page.locator(".workbench-verdict").get_attribute("aria-live") == "polite"
    lab.use_theme(page, "light")
    page.set_viewport_size({"width": 1380, "height": 1600})
    page.locator(".workbench-explorer").screenshot(path=lab.SCREENSHOTS / "explorer.png")


SENTENCE = ".workbench-verdict p"
IS_SIMULATED = "() => !document.querySelector('.workbench-heat img').alt.includes('preview')"
OTHERS_ARE_SHOWN = f"""before => {{
    const alt = name => document.querySelector(`.workbench-${{name}} img`).alt;
    return document.querySelector("{SENTENCE}").innerText !== before.sentence
        && ["spread", "heat"].every(name => alt(name) !== before[name]) && !alt("heat").includes("preview");
}}"""


def slider(page, words: str):
    """The handle of the slider with this label, which the keyboard reaches."""
    return page.locator(f".workbench-explorer .widget-slider:has(label:text-is('{words}')) .noUi-handle")


def spoken(page) -> dict[str, str]:
    """What a screen reader says of the sliders: each handle's name and value."""
    handles = page.locator(".workbench-explorer .noUi-handle").all()
    return {one.get_attribute("aria-label"): one.get_attribute("aria-valuetext") for one in handles}


def test_what_a_later_cell_sets_stands_on_the_sliders_of_the_panel_above(page, running):
    make = 'import workbench as wb\nexplorer = wb.explorer("designs/task_board.yaml")\nexplorer'
    ran(page, running, written(running, "explorer.ipynb", make, "explorer.set(shards=5, rate=77.7).verdict"))
    page.wait_for_function(IS_SIMULATED)
    page.wait_for_selector(".workbench-explorer[data-named]")
    page.wait_for_timeout(500)
    found = spoken(page)
    assert (found["Shards"], found["Rate"], found["Item size"]) == ("5", "77.7/s", "2,135 bytes")
    page.set_viewport_size({"width": 1280, "height": 900})
    place = page.locator(".workbench-explorer")
    place.evaluate("panel => panel.scrollIntoView()")
    for part in (".workbench-heat img", ".workbench-cost img", ".widget-hslider >> nth=4"):
        box = page.locator(f".workbench-explorer {part}").bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 900, f"{part} is seen together with the others"


def explorer_shows(page) -> dict[str, str]:
    """The sentence, and the alt text of each chart, once the simulation is done."""
    page.wait_for_selector(SENTENCE)
    page.wait_for_function(IS_SIMULATED)
    charts = {name: f".workbench-{name} img" for name in ("spread", "heat", "cost")}
    alts = {name: page.locator(place).get_attribute("alt") for name, place in charts.items()}
    assert all(alts.values())
    return {"sentence": page.locator(SENTENCE).first.inner_text(), **alts}
