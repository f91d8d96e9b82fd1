"""The reference of the design file cannot drift: every example loads and generates, every key stands in it."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from benchmarks import __main__ as bench
from benchmarks import chores
from tests.designs import as_yaml, merged, plain
from workbench.cli import app
from workbench.designfile import json_schema, parse_design
from workbench.distributions import parse_amount, parse_popularity
from workbench.documents import read_document
from workbench.errors import DesignError
from workbench.items import generate_items
from workbench.requests import draw_calls
from workbench.typewords import TYPE_WORDS, parse_type

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "design-file.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- (.*?) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
BASES = {mark.partition(": ")[2]: text for mark, text in BLOCKS if mark.startswith("design: ")}
FRAMES = {"prices": pd.DataFrame({"sku": ["a", "b"], "shop": [1, 1], "price": [1.5, None]})}


def complete(mark: str, text: str) -> str:
    """The design of a block: itself, or its base with the fragment merged in."""
    kind, _, base = mark.partition(": ")
    if kind == "design":
        return text
    assert kind == "fragment of", mark
    return as_yaml(merged(read_document(BASES[base]).data, read_document(text).data))


def test_every_example_is_a_design_or_a_fragment_of_one():
    assert len(BLOCKS) == PAGE.count("```yaml") > 10


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_loads_generates_items_and_draws_calls(number):
    design = parse_design(complete(*BLOCKS[number]))
    items = generate_items(design, rows={name: FRAMES[name] for name in design.rows})
    assert all(len(entity) for entity in items.entities.values())
    for pattern in design.served_patterns():
        assert draw_calls(items, pattern, 1, seed=1)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_fits_the_schema_for_editors(number):
    data = plain(read_document(complete(*BLOCKS[number])).data)
    assert [error.message for error in Draft202012Validator(json_schema()).iter_errors(data)] == []


def test_the_smallest_design_has_as_many_items_as_the_page_says():
    items = generate_items(parse_design(BLOCKS[0][1]))
    assert len(items) == pytest.approx(30_000, rel=0.02)
    assert set(items.entities["Session"].sizes.tolist()) == {1024}


def test_the_task_board_of_the_page_is_the_one_that_ships(designs):
    assert BLOCKS[-1][1] == (designs / "task_board.yaml").read_text(encoding="utf-8")


def keys(part: Any) -> set[str]:
    """The keys of every part of the language, from its schema."""
    found = set(part.get("properties", {}))
    for below in [*part.get("$defs", {}).values(), *part.get("anyOf", [])]:
        found |= keys(below)
    return found


def test_every_key_of_the_language_stands_on_the_page():
    assert {key for key in keys(json_schema()) if f"`{key}`" not in PAGE and f"{key}: " not in PAGE} == set()


def test_every_type_word_stands_on_the_page():
    assert {word for word in TYPE_WORDS if f"`{word}" not in PAGE} == {"number"}


def table(heading: str) -> list[str]:
    """The first column of the table below a heading: what stands in backquotes."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in section.splitlines() if "|" in line))


def test_every_popularity_of_the_page_is_one():
    assert [parse_popularity(text).shares(100).sum() for text in table("Popularity")] == pytest.approx([1.0] * 6)


def test_every_type_of_the_page_is_one():
    assert len([parse_type(text) for text in table("Domains") if text not in keys(json_schema()) | {"map"}]) > 30


def test_every_amount_of_the_page_is_one():
    sentence = re.search(r"\*\*Amounts\*\*.*?Sizes", PAGE, re.DOTALL)
    assert sentence
    assert len([parse_amount(text) for text in re.findall(r"`([^`]+)`", sentence[0])]) == 4


# The README's figures are those that `make bench` prints

ROOT = DOCS.parent
README, ENGINES, RESULTS = (
    p.read_text(encoding="utf-8") for p in (ROOT / "README.md", DOCS / "engines.md", bench.RESULTS)
)
NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LIMITS = {"90 minutes"} | {  # the workshop's plan, whose minutes test_workshop adds up
    f"{chores.DEMO_SECONDS} s",
    f"{chores.TESTS_SECONDS // 60} minutes",
    f"{chores.NOTEBOOK_SECONDS} s",
}
ENGINE_ROWS = {row.split("`")[1]: row.split(" | ") for row in ENGINES.splitlines() if row.startswith("| `")}


def printed(name: str) -> str:
    """What RESULTS.md says beside the ratios: the value of a fact, empty if there is none."""
    found = re.search(rf"^\| {re.escape(name)} \| (.*) \|$", RESULTS, re.MULTILINE)
    return found[1] if found else ""


def test_a_time_or_size_in_the_readme_is_a_limit_of_the_benchmarks_or_what_they_print():
    prose = "\n".join(line for line in f"{README}\n{ENGINES}".splitlines() if not line.startswith("| `"))
    stated = re.findall(r"(?<![\w.,])\d[\d.,]* (?:s|ms|minutes?|MB|GB)\b", prose)
    sizes = {figure for figure in stated if figure.endswith(("MB", "GB"))}
    assert set(stated) - sizes <= LIMITS
    found = float(re.sub(r"\D", "", printed("packages for all chores")) or "nan")  # MB
    for figure in sizes:
        number, unit = figure.replace(",", "").split()
        assert float(number) * (1_000 if unit == "GB" else 1) == pytest.approx(found, rel=0.15), figure


@pytest.mark.parametrize("kind", ["docker", "java", "dynoxide", "embedded"])
def test_an_engine_starts_in_the_readme_as_soon_as_it_was_seen_to(kind):
    stated = re.findall(r"[\d.]+(?= s$)", ENGINE_ROWS[kind][2])
    seen = re.findall(r"[\d.]+(?= s$)", printed(f"{kind} engine, start to first answer"))
    assert len(stated) <= len(seen), f"the README says {stated[0]} s, make bench nothing"
    for said, found in zip(stated, seen, strict=False):
        assert float(found) <= float(said) <= max(3 * float(found), float(found) + 1)


def test_the_readme_counts_the_checks_that_an_engine_passes_as_they_were_counted():
    head = re.search(r"^\| behaviours \| cases \| (.*) \|$", RESULTS, re.MULTILINE)
    every = re.search(r"^\| \*\*all\*\* \| (\d+) \| (.*) \|$", RESULTS, re.MULTILINE)
    assert head and every
    passed = {
        name.split()[0]: int(n.strip("*"))
        for name, n in zip(*(m.split(" | ") for m in (head[1], every[2])), strict=True)
    }
    cases, docker = int(every[1]), passed.get("docker", passed["java"])  # the same program
    assert f"all but {word(cases - docker)} of our {cases} checks" in ENGINE_ROWS["docker"][3]
    assert "the same" in ENGINE_ROWS["java"][3]
    assert f"all but {word(cases - passed['dynoxide'])};" in ENGINE_ROWS["dynoxide"][3]


def word(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


TRAPS = [
    ("condition: attribute_not_exists(PK)", "condition: #state = :open", "an unquoted ' #' starts a comment"),
    ('PK: "CUSTOMER#{customer}", SK: PROFILE', "PK: {customer}, SK: PROFILE", "unquoted {customer} is a YAML mapping"),
    ('"CUSTOMER#{customer}", SK: PROFILE', "CUSTOMER#{customer}, SK: PROFILE", "must be quoted"),
    ("count: 1..8", "count: lognormal(40, 400)", "a range has no comma"),
    ("condition: attribute_not_exists(PK)", "condition: begins_with(SK, :x)", "quote the expression"),
    ("rate: 5/s", "rate: 20", "write 20/s"),
]


@pytest.mark.parametrize(("old", "new", "fix"), TRAPS)
def test_what_yaml_reads_otherwise_is_an_error_that_names_the_fix(old, new, fix):
    with pytest.raises(DesignError, match=re.escape(fix)) as error:
        parse_design(BASES["shop"].replace(old, new, 1))
    assert len(error.value.problems) == 1
    assert len(TRAPS) == len(table("When YAML reads something else"))


def test_the_committed_schema_is_current():
    committed = (DOCS / "design.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2) + "\n", "run: workbench schema > docs/design.schema.json"


# The README shows what is there


def links(page: str) -> set[str]:
    return {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", page) if "://" not in target}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted(DOCS.glob("*.md")))]
)
def test_every_link_of_a_page_leads_to_a_file(page):
    path = ROOT / page
    assert [target for target in links(path.read_text("utf-8")) if not (path.parent / target).exists()] == []


def test_the_readme_names_every_notebook_and_every_design():
    lessons = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert lessons <= links(README)
    designs = {path.name for path in (ROOT / "notebooks" / "designs").glob("*.yaml")}
    assert designs <= set(re.findall(r"^\| `([^`]+)`", README, re.MULTILINE))


@pytest.mark.slow
def test_the_python_of_the_readme_runs_as_it_stands(monkeypatch, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(program.split("\n\n")[1].splitlines()) <= 10
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WORKBENCH_ENGINE", "embedded")
    exec(program, {"__name__": "readme"})
    assert "DW103 error: table ClaudeCodeLabDemo: at peak WEBHOOK#stripe" in capsys.readouterr().out


def test_the_commands_of_the_readme_are_there():
    block = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[-1]
    typed = re.findall(r"^workbench (\w+)", block, re.MULTILINE)
    assert len(typed) == 4 and set(typed) <= get_command(app).commands.keys()  # type: ignore[attr-defined]
