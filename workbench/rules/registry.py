"""The rules by code: what each does, why, an example, what to use instead and its source stand in its docstring.

A rule is a function that takes the evidence of a design and yields findings. Its docstring is its page: the first line
is its title, and five headings follow. `workbench review --explain DW101` prints it, and docs/rules.md holds all.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from textwrap import dedent
from typing import Any, Literal

from workbench.findings import Finding, Severity

HEADINGS = ("What it does", "Why it is bad", "Example", "Use instead", "Source")
FAMILIES = {
    "DW0": "The review itself",
    "DW1": "Keys",
    "DW2": "Indexes",
    "DW3": "Access patterns",
    "DW4": "Items",
    "DW5": "Traffic and cost",
    "DW6": "Security",
}
Check = Callable[[Any], Iterator[Finding]]  # of the evidence of a design; of files, for rules that need files
Need = Literal["design", "run", "simulation", "files", "policy", "review"]
RULES: dict[str, "Rule"] = {}


@dataclass(frozen=True)
class Rule:
    """A rule: its stable code, its usual severity, the evidence that it needs beside the design, and its check."""

    code: str
    severity: Severity
    needs: Need
    check: Check

    @cached_property
    def page(self) -> str:
        """Its documentation, without indentation."""
        return inspect.cleandoc(self.check.__doc__ or "")

    @property
    def title(self) -> str:
        """The first line of its page, without the full stop."""
        return self.page.partition("\n")[0].rstrip(".")

    @cached_property
    def sections(self) -> dict[str, str]:
        """What stands below each heading of its page."""
        parts = re.split(rf"^({'|'.join(HEADINGS)})$", self.page, flags=re.MULTILINE)
        return {heading: dedent(text).strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def rule(code: str, severity: Severity, needs: Need = "design") -> Callable[[Check], Check]:
    """Register a function as the rule with this code."""

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"{code} stands twice: {RULES[code].check.__name__} and {check.__name__}")
        RULES[code] = Rule(code, severity, needs, check)
        return check

    return register


def explain(code: str) -> str:
    """The page of a rule, for a terminal; ValueError names the nearest code."""
    if code.upper() not in RULES:
        near = get_close_matches(code.upper(), RULES, 1, 0.6)
        meant = f"did you mean {near[0]}? All" if near else "all"
        raise ValueError(f"{code} is no rule; {meant} of them: workbench review --rules")
    found = RULES[code.upper()]
    sections = "\n".join(f"\n{heading}\n{_indented(text)}" for heading, text in found.sections.items())
    return f"{found.code} ({found.severity}): {found.title}\n{sections}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())


def rules_page() -> str:
    """docs/rules.md: all rules by family, made of their docstrings."""
    lines = [_TOP]
    for family, name in FAMILIES.items():
        mine = [found for code, found in sorted(RULES.items()) if code.startswith(family)]
        if mine:
            lines += [f"## {family}xx {name}\n", *map(_markdown, mine)]
    return "\n".join(lines)


_TOP = """\
# Rules of the review

`workbench review DESIGN` and `wb.review(design)` judge a design by these rules; `workbench review --explain CODE`
prints one of them. Codes are stable. A finding that is meant to be is accepted in the design file, on the part that it
is about or on one around it, with the reason: `accept: {DW301: an export that nobody waits for}`.

This page is made of the rules themselves: `workbench review --rules > docs/rules.md`.
"""


def _markdown(found: Rule) -> str:
    needs = {"design": "", "review": "", "files": ", of files", "policy": ", of policies"}.get(
        found.needs, f", with a {found.needs}"
    )
    head = f"### {found.code} {found.title}\n\n*{found.severity}{needs}*\n"
    return "\n".join([head, *(f"**{name}.** {_block(name, text)}\n" for name, text in found.sections.items())])


def _block(heading: str, text: str) -> str:
    return f"\n\n```yaml\n{text}\n```" if heading == "Example" else text
