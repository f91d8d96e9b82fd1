"""Every rule speaks where it should and is silent where it should not: the cases are data, in rules/CODE.yaml.

A case is a design, or a change of the file's base; of rules about files, a file. A failing case may say where the
finding stands, how severe it is, what it says, and what is to be done.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.designs import as_yaml, merged
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.documents import read_document
from workbench.findings import Finding
from workbench.reviews import review, review_files
from workbench.rules import FAMILY_MODULES, HEADINGS, RULES, explain, rules_page
from workbench.rules.registry import FAMILIES
from workbench.simulation import simulate

ROOT = Path(__file__).parent
FILES = {
    path.stem: read_document(path.read_bytes(), path.name).data for path in sorted((ROOT / "rules").glob("*.yaml"))
}
JUDGED = [code for code, rule in RULES.items() if rule.needs != "policy"]
CASES = [
    pytest.param(code, outcome, name, id=f"{code} {outcome}: {name}")
    for code, cases in FILES.items()
    for outcome in ("fail", "pass")
    for name in cases[outcome]
]


def without_nothing(data: Any) -> Any:
    """Data without the members that a change sets to nothing; an attribute of an entity may be nothing."""
    if not isinstance(data, dict):
        return data
    return {name: without_nothing(value) for name, value in data.items() if value is not None or name in KEPT}


KEPT = {"customer", "queue", "orderId"}  # attributes that are written `{customer: }`


def found(code: str, case: dict[str, Any], folder: Path) -> list[Finding]:
    """What the rule says of a case; what it accepts is said too."""
    if "file" in case:
        path = folder / case["file"]["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(case["file"]["text"])
        return [one for one in review_files(folder) if one.code == code]
    base = FILES[code].get("base", {})
    design = parse_design(as_yaml({"name": "case", **without_nothing(merged(base, case.get("change") or {}))}))
    seen = simulate(design, duration=case["simulate"]) if "simulate" in case else None
    return [one for one in review(design, simulation=seen) if one.code == code]


@pytest.mark.parametrize(("code", "outcome", "name"), CASES)
def test_a_rule_speaks_where_it_should_and_nowhere_else(code, outcome, name, tmp_path):
    case = FILES[code][outcome][name] or {}
    said = found(code, case, tmp_path)
    if outcome == "pass":
        assert said == []
        return
    assert said, "the rule is silent"
    places = [one.where.removeprefix(f"{tmp_path}/") for one in said]
    assert case.get("where", places[0]) in places
    assert case.get("severity", said[0].severity) in {one.severity for one in said}
    assert any(str(case.get("says", "")) in one.message for one in said), [one.message for one in said]
    assert any(str(case.get("fix", "")) in one.fix for one in said), [one.fix for one in said]
    assert all(one.fix and one.message and one.evidence is not None for one in said)


def test_every_rule_has_failing_and_passing_cases():
    assert sorted(FILES) == sorted(JUDGED)
    assert {code for code, cases in FILES.items() if not (cases["fail"] and cases["pass"])} == set()


@pytest.mark.parametrize("code", sorted(RULES))
def test_a_rule_is_a_page_with_five_headings(code):
    rule = RULES[code]
    assert tuple(rule.sections) == HEADINGS
    assert all(text.strip() for text in rule.sections.values())
    assert rule.title and len(rule.title) < 90
    assert explain(code.lower()).startswith(f"{code} ({rule.severity}): {rule.title}")


@pytest.mark.parametrize("code", sorted(RULES))
def test_a_rule_stands_in_the_file_of_its_family(code):
    assert code[:3] in FAMILIES
    assert RULES[code].check.__module__ in {module.__name__ for module in FAMILY_MODULES}


@pytest.mark.parametrize("code", sorted(code for code in RULES if RULES[code].needs == "design"))
def test_the_example_of_a_rule_about_designs_is_a_part_of_a_design_file(code):
    sections = read_document(RULES[code].sections["Example"]).data
    assert sections and set(sections) <= set(Design.model_fields)
    assert all(section and all(isinstance(part, dict) for part in section.values()) for section in sections.values())


def test_an_unknown_code_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match=r"DW13 is no rule; did you mean DW\d+\?"):
        explain("DW13")


def test_the_committed_rules_are_current():
    committed = (ROOT.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    assert committed == rules_page(), "run: workbench review --rules > docs/rules.md"
